// fetch() of a name that leads to an address which scripts may not reach.
// Answers: 403, error code: 1021
export default {
  fetch(request) {
    return fetch("http://localhost/");
  },
};
