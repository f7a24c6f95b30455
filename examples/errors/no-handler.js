// A Worker of scheduled() only, asked for a page.
// Answers: 500, error code: 1101
// Throws: Error: Handler does not export a fetch() function.
// Logs: Received a FetchEvent but we lack a handler for FetchEvents.
export default {
  scheduled() {},
};
