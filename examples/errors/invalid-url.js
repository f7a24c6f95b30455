// A URL that is none.
// Answers: 500, error code: 1101
// Throws: TypeError: Invalid URL: /relative
export default {
  fetch() {
    return fetch("/relative");
  },
};
