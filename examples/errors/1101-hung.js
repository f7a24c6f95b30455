// The response waits for a promise that nothing can settle any more: found at once, not after a timeout.
// Answers: 500, error code: 1101
export default {
  fetch(request) {
    const response = new Response("Example response");
    const { promise, resolve } = Promise.withResolvers();
    // setTimeout(resolve, 0);  // with this line it answers
    return promise.then(() => response);
  },
};
