// A Worker that gives its own request up.
// Answers: 500, error code: 1101
// Throws: Error: Worker execution was aborted due to call to ctx.abort().
export default {
  async fetch(request, env, ctx) {
    ctx.abort();
  },
};
