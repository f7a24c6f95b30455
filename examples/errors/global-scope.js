// I/O outside of a handler.
// Answers: 500, error code: 1101
// Throws: Error: Uncaught Error: Disallowed operation called within global scope.
const token = crypto.randomUUID();

export default {
  fetch() {
    return new Response(token);
  },
};
