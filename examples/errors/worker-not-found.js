// A service binding to a script that is not there.
// Answers: 500, error code: 1101
// Throws: Error: Worker not found.
export default {
  fetch(request, env) {
    return env.NOBODY.fetch(request);
  },
};
