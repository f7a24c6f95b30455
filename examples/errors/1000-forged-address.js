// A client that says who it is in the field that only the platform may set.
// Answers: 403, error code: 1000
// Sends: cf-connecting-ip: 192.0.2.1
export default {
  fetch() {
    return new Response("never asked");
  },
};
