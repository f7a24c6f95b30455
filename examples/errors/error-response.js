// What a network error looks like is no answer.
// Answers: 500, error code: 1101
// Throws: TypeError: Return value from serve handler must not be an error response (like Response.error())
export default {
  fetch() {
    return Response.error();
  },
};
