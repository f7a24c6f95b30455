// A body that turns out to be larger than the script may hold.
// Answers: 500, error code: 1101
// Throws: TypeError: Memory limit exceeded before EOF.
export default {
  async fetch(request, env) {
    if (request.headers.has("x-inner")) {
      return new Response(new ReadableStream({
        pull(controller) {
          controller.enqueue(new Uint8Array(1 << 20));
        },
      }));
    }
    const response = await env.SELF.fetch(request, { headers: { "x-inner": "1" } });
    return new Response(await response.text());
  },
};
