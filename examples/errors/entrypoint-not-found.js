// A service binding that names an entrypoint which the script does not export.
// Answers: 500, error code: 1101
// Throws: TypeError: The entrypoint name Admin was not found in this worker.
export default {
  fetch(request, env) {
    return env.ADMIN.fetch(request);
  },
};
