// fetch() of a server that is not there.
// Answers: 521, error code: 521
export default {
  fetch() {
    return fetch("http://127.0.0.2:1/");
  },
};
