// fetch() of an IP address instead of a name.
// Answers: 403, error code: 1003
export default {
  fetch(request) {
    return fetch("http://192.0.2.1/");
  },
};
