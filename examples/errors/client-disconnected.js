// A client that leaves while the script works: the signal of its request aborts.
// Leaves
// Logs: AbortError: The client has disconnected
export default {
  async fetch(request) {
    request.signal.addEventListener("abort", () => console.log(String(request.signal.reason)));
    await scheduler.wait(3_600_000);
  },
};
