// fetch() of a name that leads to this platform, and is none of its hosts.
// Answers: 403, error code: 1024
export default {
  fetch(request) {
    return fetch(`http://localhost:${new URL(request.url).port}/`);
  },
};
