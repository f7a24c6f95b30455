// A request body that is read when its request has been answered.
// Answers: 500, error code: 1101
// Throws: TypeError: Can't read from request stream after responding with an exception.
// Streams: only the beginning
export default {
  fetch(request, env, ctx) {
    ctx.waitUntil(request.text());
    throw new Error("the answer");
  },
};
