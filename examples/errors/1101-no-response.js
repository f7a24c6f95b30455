// The handler gave something that is no Response.
// Answers: 500, error code: 1101
export default {
  fetch(request) {
    "missing return";
  },
};
