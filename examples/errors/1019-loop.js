// A script calls itself by a service binding, again and again; the sixteenth invocation is the last.
// Answers: 500, error code: 1019
export default {
  async fetch(request, env) {
    return env.SELF.fetch(request);
  },
};
