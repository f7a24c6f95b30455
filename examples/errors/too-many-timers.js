// Timers without end.
// Answers: 500, error code: 1101
// Throws: QuotaExceededError: You have exceeded the number of active timeouts you may set.
export default {
  fetch() {
    for (;;) setTimeout(() => {}, 60_000);
  },
};
