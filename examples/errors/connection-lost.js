// A body that breaks off: whoever reads it has an error.
// Answers: 500, error code: 1101
// Throws: Error: Network connection lost.
export default {
  async fetch(request, env) {
    if (request.headers.has("x-inner")) {
      let pulled = false;
      return new Response(new ReadableStream({
        pull(controller) {
          if (pulled) throw new Error("the sender fails");
          pulled = true;
          controller.enqueue(new TextEncoder().encode("part"));
        },
      }));
    }
    const response = await env.SELF.fetch(request, { headers: { "x-inner": "1" } });
    return new Response(await response.text());
  },
};
