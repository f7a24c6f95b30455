// fetch() of a script of the same account on the workers domain.
// Answers: 404, error code: 1042
export default {
  fetch() {
    return fetch("http://e1101-exception.local.workers.localhost/");
  },
};
