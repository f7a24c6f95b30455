// A handler that forgets its return: what it gives is no Response.
// Answers: 500, error code: 1101
// Throws: TypeError: Incorrect type for Promise: the Promise did not resolve to 'Response'.
export default {
  async fetch(request) {
    new Response(`asked for ${request.url}`);
  },
};
