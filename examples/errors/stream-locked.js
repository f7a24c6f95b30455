// A stream that somebody reads already.
// Answers: 500, error code: 1101
// Throws: TypeError: This ReadableStream is currently locked to a reader.
export default {
  fetch() {
    const response = new Response("text");
    response.body.getReader();
    return response;
  },
};
