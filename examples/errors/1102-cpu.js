// The script used up its CPU time. Neither catch nor finally runs.
// Answers: 503, error code: 1102
export default {
  fetch(request) {
    for (;;);
  },
};
