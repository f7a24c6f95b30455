// HTTP byte by byte: a client that sends what it is told and reads responses strictly, and an origin that does likewise.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import tls from "node:tls";

const kLastChunk = "0\r\n\r\n";

/** A connection whose received bytes wait until they are taken. */
export class Wire {
  constructor(socket) {
    this.socket = socket;
    this.buffer = Buffer.alloc(0);
    this.ended = false;
    this.broken = null;
    this.waiting = [];
    socket.on("data", (bytes) => {
      this.buffer = this.buffer.length === 0 ? bytes : Buffer.concat([this.buffer, bytes]);
      this.#wake();
    });
    socket.on("end", () => { this.ended = true; this.#wake(); });
    socket.on("error", (error) => { this.broken = error; this.#wake(); });
    socket.on("close", () => { this.ended = true; this.closed = true; this.#wake(); });
  }

  #wake() {
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** Resolves once ready() is true of this; the end of the connection is the last chance. */
  async until(ready, what) {
    while (!ready()) {
      if (this.ended || this.broken) throw new Error(`the connection ended before ${what}; received ${JSON.stringify(this.buffer.toString("latin1").slice(0, 300))}`);
      await new Promise((wake) => this.waiting.push(wake));
    }
  }

  send(bytes) {
    return this.socket.write(bytes);
  }

  take(count) {
    const bytes = this.buffer.subarray(0, count);
    this.buffer = this.buffer.subarray(count);
    return bytes;
  }

  async bytes(count) {
    await this.until(() => this.buffer.length >= count, `${count} bytes`);
    return this.take(count);
  }

  /** One line without its end. */
  async line() {
    let at;
    await this.until(() => (at = this.buffer.indexOf("\r\n")) >= 0, "a line");
    const line = this.take(at + 2).subarray(0, at).toString("latin1");
    assert.ok(!line.includes("\n"), "a bare line feed");
    return line;
  }

  /** { first, headers }: the first line, and the fields in lower case, values of a name joined by ", ". */
  async head() {
    const first = await this.line();
    const headers = {};
    for (let line; (line = await this.line()) !== ""; ) {
      const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+): ?(.*)$/.exec(line);
      assert.ok(match, `a header line: ${JSON.stringify(line)}`);
      const name = match[1].toLowerCase();
      headers[name] = name in headers ? `${headers[name]}, ${match[2]}` : match[2];
    }
    return { first, headers };
  }

  /** One chunk of a chunked body; empty at the end. */
  async chunk() {
    const line = await this.line();
    assert.match(line, /^[0-9a-f]+$/);
    const bytes = await this.bytes(parseInt(line, 16));
    if (bytes.length === 0) while (await this.line() !== "");
    else assert.equal((await this.bytes(2)).toString(), "\r\n");
    return bytes;
  }

  async chunks() {
    const all = [];
    for (let bytes; (bytes = await this.chunk()).length > 0; ) all.push(bytes);
    return Buffer.concat(all);
  }

  async toEnd() {
    while (!this.ended && !this.broken) await new Promise((wake) => this.waiting.push(wake));
    return this.take(this.buffer.length);
  }

  /** Resolves with how the connection ended: "end" or the error's code. */
  async end() {
    await this.toEnd();
    return this.broken === null ? "end" : this.broken.code;
  }
}

class Client extends Wire {
  /** One response: { status, headers, body, chunked }. `to` is the request's method. */
  async response(to = "GET") {
    const { first, headers } = await this.head();
    const match = /^HTTP\/1\.1 (\d{3}) /.exec(first);
    assert.ok(match, `a status line: ${JSON.stringify(first)}`);
    const status = Number(match[1]);
    let body = Buffer.alloc(0);
    const chunked = headers["transfer-encoding"] === "chunked";
    assert.ok(!(chunked && "content-length" in headers), "two framings");
    if (to === "HEAD" || status < 200 || status === 204 || status === 304) {
      // None, whatever the head says.
    } else if (chunked) {
      body = await this.chunks();
    } else if ("content-length" in headers) {
      body = await this.bytes(Number(headers["content-length"]));
    } else {
      body = await this.toEnd();
    }
    return { status, headers, body, text: body.toString("latin1"), chunked };
  }

  async get(head) {
    this.send(head);
    return this.response();
  }
}

/** A client's connection to weir. */
export async function connect(port) {
  const socket = net.connect({ port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
  const client = new Client(socket);
  await once(socket, "connect");
  return client;
}

/** An origin: serve(wire) is called with each connection; its rejection ends the test through `failure`. */
export async function startOrigin(serve, { key, cert } = {}) {
  const origin = { connections: 0, wires: [], failures: [] };
  const accept = (socket) => {
    origin.connections++;
    const wire = new Wire(socket);
    origin.wires.push(wire);
    Promise.resolve(serve(wire, origin)).catch((error) => {
      if (!/^the connection ended before/.test(error.message)) origin.failures.push(error);
      socket.destroy();
    });
  };
  origin.server = cert ? tls.createServer({ key, cert }, accept) : net.createServer({ noDelay: true, allowHalfOpen: true }, accept);
  origin.server.on("tlsClientError", () => {});
  origin.server.listen(0, "127.0.0.1");
  await once(origin.server, "listening");
  origin.port = origin.server.address().port;
  origin.url = `${cert ? "https" : "http"}://127.0.0.1:${origin.port}`;
  origin.stop = () => {
    for (const wire of origin.wires) wire.socket.destroy();
    origin.server.close();
    assert.deepEqual(origin.failures, []);
  };
  return origin;
}

/** Reads requests from a wire for ever and answers each: handle(request, wire) gives the response's bytes, or nothing when it answered itself. */
export function serveRequests(handle) {
  return async (wire, origin) => {
    for (;;) {
      if (wire.buffer.length === 0 && wire.ended) return;
      const { first, headers } = await wire.head();
      const [method, target] = first.split(" ");
      const request = { method, target, headers, body: Buffer.alloc(0) };
      if (headers["transfer-encoding"] === "chunked") request.body = await wire.chunks();
      else if ("content-length" in headers) request.body = await wire.bytes(Number(headers["content-length"]));
      const answer = await handle(request, wire, origin);
      if (answer !== undefined) wire.send(answer);
    }
  };
}

/** A whole response. */
export function answer(status, headers = {}, body = "") {
  const bytes = Buffer.from(body);
  const lines = Object.entries({ "content-length": bytes.length, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${lines}\r\n`, "latin1"), bytes]);
}

export const chunk = (bytes) => Buffer.concat([Buffer.from(`${Buffer.from(bytes).length.toString(16)}\r\n`), Buffer.from(bytes), Buffer.from("\r\n")]);
export const lastChunk = Buffer.from(kLastChunk);
