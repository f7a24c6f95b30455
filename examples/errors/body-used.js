// A body that is read twice.
// Answers: 500, error code: 1101
// Throws: TypeError: Body has already been used. It can only be used once. Use tee() first if you need to read it twice.
export default {
  async fetch() {
    const response = new Response("once");
    await response.text();
    return new Response(await response.text());
  },
};
