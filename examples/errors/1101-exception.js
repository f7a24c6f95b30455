// The script threw, and nobody caught it.
// Answers: 500, error code: 1101
export default {
  fetch(request) {
    return new Response(undefinedName);
  },
};
