import { assert, assertEquals, assertThrows, route, test, worker } from "../harness.js";

// In global scope: the classes are there, and nothing that does I/O can be made.
const refusedAtTop = [];
for (const make of [() => new WebSocketPair(), () => new WebSocket("ws://a.example/")]) {
  try {
    make();
  } catch (error) {
    refusedAtTop.push(error.message.slice(0, 49));
  }
}
class Subclass extends WebSocket {}
const closeEvent = new CloseEvent("close", { code: 4001, reason: "made at top", wasClean: true });

/** Both ends accepted, with what happened to each. */
function openPair() {
  const [a, b] = Object.values(new WebSocketPair());
  const ends = [a, b].map((socket) => {
    const events = [];
    socket.addEventListener("message", (event) => events.push(event.data));
    socket.addEventListener("close", (event) => events.push(`close ${event.code} ${event.reason} ${event.wasClean}`));
    socket.addEventListener("error", (event) => events.push(`error ${event.message}`));
    return { socket, events };
  });
  a.accept();
  b.accept();
  return ends;
}

const settled = () => scheduler.wait(1);

test("global scope makes no sockets, and events made there live on", () => {
  const text = "Disallowed operation called within global scope. ".slice(0, 49);
  assertEquals(refusedAtTop, [text, text]);
  assertEquals([closeEvent.code, closeEvent.reason, closeEvent.wasClean, closeEvent.type], [4001, "made at top", true, "close"]);
  assert(closeEvent instanceof Event);
  assert(Object.getPrototypeOf(Subclass) === WebSocket);
});

test("a pair is two sockets, by index, by iteration and by values", () => {
  const pair = new WebSocketPair();
  assert(pair[0] instanceof WebSocket && pair[1] instanceof WebSocket && pair[0] !== pair[1]);
  assert(pair[0] instanceof EventTarget);
  assertEquals(Object.keys(pair), ["0", "1"]);
  const [first, second] = pair;
  assert(first === pair[0] && second === pair[1]);
  assertEquals([first.url, first.protocol, first.extensions, first.readyState], [null, "", "", 1]);
});

test("ready states are constants of the class and of its instances", () => {
  const [socket] = new WebSocketPair();
  for (const holder of [WebSocket, WebSocket.prototype, socket]) {
    assertEquals([holder.CONNECTING, holder.OPEN, holder.CLOSING, holder.CLOSED], [0, 1, 2, 3]);
    assertEquals([holder.READY_STATE_CONNECTING, holder.READY_STATE_OPEN, holder.READY_STATE_CLOSING,
      holder.READY_STATE_CLOSED], [0, 1, 2, 3]);
  }
});

test("messages go both ways in order, after the code that sent them", async () => {
  const [a, b] = openPair();
  a.socket.send("one");
  a.socket.send("two");
  b.socket.send("back");
  assertEquals([a.events, b.events], [[], []]);
  await settled();
  assertEquals([a.events, b.events], [["back"], ["one", "two"]]);
});

test("bytes arrive as an ArrayBuffer or a Blob, as they were when sent", async () => {
  const [a, b] = openPair();
  assertEquals(b.socket.binaryType, "arraybuffer");
  const bytes = new Uint8Array([1, 2, 3]);
  a.socket.send(bytes);
  bytes.fill(9);
  a.socket.send(new Uint16Array([258]).buffer);
  a.socket.send(new DataView(new Uint8Array([0, 7, 8]).buffer, 1));
  a.socket.send(new Blob(["blob"]));
  await settled();
  assert(b.events.every((data) => data instanceof ArrayBuffer));
  assertEquals(b.events.map((data) => [...new Uint8Array(data)]), [[1, 2, 3], [2, 1], [7, 8], [98, 108, 111, 98]]);
  b.socket.binaryType = "nonsense";
  assertEquals(b.socket.binaryType, "arraybuffer");
  b.socket.binaryType = "blob";
  a.socket.send(new Uint8Array([65, 66]));
  await settled();
  assert(b.events[4] instanceof Blob);
  assertEquals(await b.events[4].text(), "AB");
});

test("anything else is sent as text, well formed", async () => {
  const [a, b] = openPair();
  for (const value of [1, null, { toString: () => "object" }, "\ud800x"]) a.socket.send(value);
  await settled();
  assertEquals(b.events, ["1", "null", "object", "\ufffdx"]);
});

test("what was sent before accept() waits for it", async () => {
  const [a, b] = new WebSocketPair();
  const seen = [];
  b.addEventListener("message", (event) => seen.push(event.data));
  b.addEventListener("close", (event) => seen.push(event.code));
  a.accept();
  a.send("early");
  a.close(4000);
  await settled();
  assertEquals(seen, []);
  b.accept();
  b.accept();
  await settled();
  assertEquals(seen, ["early", 4000]);
});

test("a close goes to the other end, and is answered there by hand", async () => {
  const [a, b] = openPair();
  a.socket.close(4001, "enough");
  assertEquals([a.socket.readyState, b.socket.readyState], [2, 1]);
  await settled();
  assertEquals(b.events, ["close 4001 enough true"]);
  assertEquals([a.socket.readyState, b.socket.readyState], [2, 2]);
  b.socket.send("last words");
  b.socket.close();
  await settled();
  assertEquals(a.events, ["last words", "close 1005  true"]);
  assertEquals([a.socket.readyState, b.socket.readyState], [3, 3]);
  a.socket.close();
  b.socket.close(1000);
});

test("the platform's errors, word for word", async () => {
  const [a] = new WebSocketPair();
  const notAccepted =
    "You must call one of accept() or state.acceptWebSocket() on this WebSocket before sending messages.";
  assertThrows(() => a.send("x"), TypeError, notAccepted);
  assertThrows(() => a.close(), TypeError, notAccepted);
  a.accept();
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 5000, 65536, "x", null]) {
    assertThrows(() => a.close(code), "InvalidAccessError", `Invalid WebSocket close code: ${Math.trunc(+code)}.`);
  }
  assertThrows(() => a.close(undefined, "why"), "InvalidAccessError",
    "If you specify a WebSocket close reason, you must also specify a code.");
  a.close(1001, "é".repeat(100));  // before the flag's date the reason is cut
  assertThrows(() => a.send("x"), TypeError, "Can't call WebSocket send() after close().");
});

test("an exception in a listener ends the socket, and both ends hear of it", async () => {
  const [a, b] = openPair();
  const reported = [];
  const listener = (event) => { reported.push(event.error.message); event.preventDefault(); };
  addEventListener("error", listener);
  b.socket.addEventListener("message", () => { throw new RangeError("in a listener"); });
  a.socket.send("x");
  a.socket.send("never seen");
  await settled();
  removeEventListener("error", listener);
  assertEquals(reported, ["in a listener"]);
  assertEquals(b.events, ["x", "error Uncaught RangeError: in a listener"]);
  assertEquals(b.socket.readyState, 3);
  assertEquals(a.events, ["close 1006 WebSocket disconnected without sending Close frame. false"]);
  b.socket.send("ignored");
});

test("handler attributes are listeners that can be replaced", async () => {
  const [a, b] = new WebSocketPair();
  const seen = [];
  assertEquals(b.onmessage, null);
  b.onmessage = () => seen.push("replaced");
  b.onmessage = (event) => seen.push(event.data);
  b.onclose = { handleEvent: (event) => seen.push(event.type) };
  b.onerror = "no function";
  assertEquals([typeof b.onmessage, b.onerror], ["function", null]);
  a.accept();
  b.accept();
  a.send("m");
  a.close();
  await settled();
  assertEquals(seen, ["m", "close"]);
});

test("events are trusted and name their socket", async () => {
  const [a, b] = openPair();
  let seen;
  b.socket.addEventListener("message", function (event) { seen = [event.isTrusted, event.target === b.socket, this === b.socket]; });
  a.socket.send("x");
  await settled();
  assertEquals(seen, [true, true, true]);
});

test("many messages in a row are all delivered", async () => {
  const [a, b] = openPair();
  for (let i = 0; i < 5000; i++) a.socket.send(i);
  await settled();
  assertEquals(b.events.length, 5000);
  assertEquals(b.events[4999], "4999");
});

test("two ends may speak to each other at length", async () => {
  const [a, b] = openPair();
  a.socket.addEventListener("message", ({ data }) => { if (data > 0) a.socket.send(data - 1); });
  b.socket.addEventListener("message", ({ data }) => { if (data > 0) b.socket.send(data - 1); });
  a.socket.send(1000);
  await settled();
  assertEquals(a.events.length + b.events.length, 1001);
});

test("an unused pair keeps nothing alive", async (t) => {
  const response = await fetch(`${t.origin}/pair`);
  assertEquals(await response.text(), "done");
});
route("pair", () => {
  const [a, b] = new WebSocketPair();
  a.accept();
  b.accept();
  a.send("never read");
  return new Response("done");
});

test("Response takes a WebSocket with status 101 only, and shows it", () => {
  const [a] = new WebSocketPair();
  const response = new Response(null, { status: 101, webSocket: a });
  assert(response.webSocket === a);
  assertEquals(response.status, 101);
  assertEquals(new Response("x").webSocket, null);
  assertThrows(() => new Response(null, { webSocket: a, status: 200 }), RangeError,
    "Responses with a WebSocket must have status code 101.");
  assertThrows(() => new Response(null, { status: 101 }), RangeError,
    "Responses may only be constructed with status codes in the range 200 to 599, inclusive.");
  assertThrows(() => new Response(null, { status: 101, webSocket: {} }), TypeError,
    "Incorrect type for the 'webSocket' field on 'ResponseInit': the provided value is not of type 'WebSocket'.");
  assertThrows(() => response.clone(), TypeError, "Cannot clone a response to a WebSocket handshake.");
});

test("the constructor checks its arguments before anything is sent", () => {
  const wrong = [
    ["not a url", undefined, "The url is invalid."],
    ["https://a.example/", undefined, "The url scheme must be ws or wss."],
    ["ws://a.example/#x", undefined, "The url fragment must be empty."],
    ["ws://a.example/", [], "The protocols array cannot be empty."],
    ["ws://a.example/", "a b", "The protocol header token is invalid."],
    ["ws://a.example/", ["ok", "a,b"], "One of the protocol header tokens is invalid."],
    ["ws://a.example/", ["a", "a"], "The protocols header cannot have repeating values."],
  ];
  for (const [url, protocols, what] of wrong) {
    assertThrows(() => new WebSocket(url, protocols), "SyntaxError", `WebSocket Constructor: ${what}`);
  }
  assertThrows(() => new WebSocket(), TypeError);
});

let kept;
route("keep", () => {
  kept = Object.values(new WebSocketPair())[0];
  kept.accept();
  return new Response("kept");
});

test("a socket belongs to the invocation that made it", async (t) => {
  await (await fetch(`${t.origin}/keep`)).text();
  const message = /^Cannot perform I\/O on behalf of a different request\..*\(I\/O type: Native\)$/;
  assertThrows(() => kept.send("x"), Error, message);
  assertThrows(() => kept.close(), Error, message);
  assertThrows(() => kept.readyState, Error, message);
});

test("a WebSocket cannot answer a request that did not ask for one", async (t) => {
  const response = await fetch(`${t.origin}/unasked`, { headers: { accept: "application/json" } });
  assertEquals(response.status, 500);
  assertEquals((await response.json()).error_code, 1101);
});
route("unasked", () => new Response(null, { status: 101, webSocket: new WebSocketPair()[0] }));

export default worker();
