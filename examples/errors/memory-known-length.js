// A body that says it is larger than the script may hold.
// Answers: 500, error code: 1101
// Throws: TypeError: Memory limit would be exceeded before EOF.
export default {
  async fetch(request, env) {
    if (request.headers.has("x-inner")) {
      const { readable } = new FixedLengthStream(200_000_000);
      return new Response(readable);
    }
    const response = await env.SELF.fetch(request, { headers: { "x-inner": "1" } });
    return new Response(await response.text());
  },
};
