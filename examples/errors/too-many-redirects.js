// An answer that always points elsewhere.
// Answers: 500, error code: 1101
// Throws: TypeError: Too many redirects.
export default {
  fetch(request, env) {
    if (request.headers.has("x-inner")) return new Response(null, { status: 302, headers: { location: "/round" } });
    return env.SELF.fetch(request.url, { headers: { "x-inner": "1" }, redirect: "follow" });
  },
};
