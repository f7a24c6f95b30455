export default {
  async fetch() {
    await new Promise((resolve) => setTimeout(resolve, 1));
    return new Response("waited");
  },
};
