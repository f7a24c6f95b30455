// 1 MB, made by the script in 64 KB chunks.
const chunk = new Uint8Array(64 * 1024).fill(120);
const chunks = 16;

export default {
  fetch() {
    let sent = 0;
    return new Response(new ReadableStream({
      pull(controller) {
        controller.enqueue(chunk);
        if (++sent === chunks) controller.close();
      },
    }));
  },
};
