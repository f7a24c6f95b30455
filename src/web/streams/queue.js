// A first-in first-out queue with a running total of sizes. https://streams.spec.whatwg.org/#queue-with-sizes
// Linked, not an Array: a patched Array.prototype cannot see or break it.

class Entry {
  value;
  size;
  next = null;

  constructor(value, size) {
    this.value = value;
    this.size = size;
  }
}

export class Queue {
  first = null;
  last = null;
  length = 0;
  /** Sum of the sizes; never below 0 in spite of rounding. */
  total = 0;

  push(value, size = 0) {
    const entry = new Entry(value, size);
    if (this.last === null) this.first = entry;
    else this.last.next = entry;
    this.last = entry;
    this.length++;
    this.total += size;
  }

  /** The first value; the queue must not be empty. */
  shift() {
    const entry = this.first;
    this.first = entry.next;
    if (this.first === null) this.last = null;
    this.length--;
    this.total -= entry.size;
    if (this.total < 0) this.total = 0;
    return entry.value;
  }

  /** Puts a value back in front. */
  unshift(value, size = 0) {
    const entry = new Entry(value, size);
    entry.next = this.first;
    this.first = entry;
    if (this.last === null) this.last = entry;
    this.length++;
    this.total += size;
  }

  peek() {
    return this.first.value;
  }

  clear() {
    this.first = null;
    this.last = null;
    this.length = 0;
    this.total = 0;
  }
}
