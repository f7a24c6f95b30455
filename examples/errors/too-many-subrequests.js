// A script that asks more often than it may.
// Answers: 500, error code: 1101
// Throws: Error: Too many subrequests by single Worker invocation.
export default {
  async fetch(request, env) {
    if (request.headers.has("x-inner")) return new Response("once more");
    for (;;) {
      const response = await env.SELF.fetch(request, { headers: { "x-inner": "1" } });
      await response.text();
    }
  },
};
