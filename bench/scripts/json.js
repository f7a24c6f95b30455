// 1 KB of JSON in, changed, and out.
export default {
  async fetch(request) {
    const data = await request.json();
    data.count += 1;
    return Response.json(data);
  },
};
