// A WebSocket for a client that did not ask for one.
// Answers: 500, error code: 1101
// Throws: TypeError: Worker tried to return a WebSocket in a response to a request which did not contain the header "Upgrade: websocket".
export default {
  fetch() {
    const [client, server] = Object.values(new WebSocketPair());
    server.accept();
    return new Response(null, { status: 101, webSocket: client });
  },
};
