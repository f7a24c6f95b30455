// The upstream's body, every chunk of it through the script's hands.
export default {
  async fetch(request, env) {
    const answer = await fetch(env.ORIGIN + new URL(request.url).pathname);
    return new Response(answer.body.pipeThrough(new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(chunk);
      },
    })), { headers: { "content-type": "application/octet-stream" } });
  },
};
