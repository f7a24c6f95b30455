// Passes the upstream's answer on, untouched.
export default {
  fetch(request, env) {
    return fetch(env.ORIGIN);
  },
};
