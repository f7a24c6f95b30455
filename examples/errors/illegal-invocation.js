// A method that has lost its object.
// Answers: 500, error code: 1101
// Throws: TypeError: Illegal invocation: function called with incorrect `this` reference.
export default {
  fetch(request, env, ctx) {
    const { waitUntil } = ctx;
    waitUntil(Promise.resolve());
    return new Response("never");
  },
};
