// Moving a stream's contents to a new stream, the way fetch makes a new Request of an old one ("create a proxy").
// https://streams.spec.whatwg.org/#readablestream-create-a-proxy

import { Readable, Reader } from "./readable.js";

/** A Readable with the contents of `readable`, which is left locked and disturbed. It must be neither before. */
export function moveReadable(readable) {
  const moved = new Readable();
  moved.state = readable.state;
  moved.error = readable.error;
  moved.controller = readable.controller;
  moved.whole = readable.whole;
  moved.length = readable.length;
  moved.owner = readable.owner;
  if (moved.controller !== null) moved.controller.stream = moved;
  readable.disturbed = true;
  readable.whole = null;
  readable.state = "closed";
  new Reader(readable, false);
  return moved;
}
