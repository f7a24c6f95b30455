// A cache mode that the platform does not have.
// Answers: 500, error code: 1101
// Throws: TypeError: Unsupported cache mode: force-cache
export default {
  fetch() {
    return fetch("http://example.com/", { cache: "force-cache" });
  },
};
