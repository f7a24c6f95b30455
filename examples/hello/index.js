export default {
  async fetch(request, env) {
    const url = new URL(request.url);
    if (url.pathname === "/throw") throw new Error("you asked for it");
    return new Response(`${env.GREETING ?? "Hello"}, ${url.pathname.slice(1) || "world"}!\n`);
  },
};
