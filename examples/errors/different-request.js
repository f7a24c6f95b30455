// A Response that one request keeps for the next.
// Answers: 500, error code: 1101
// Throws: Error: Cannot perform I/O on behalf of a different request.
// Ask: twice
let kept;

export default {
  fetch() {
    return (kept ??= new Response("kept"));
  },
};
