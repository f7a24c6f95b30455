// Repeating: something that works in steps, where a step may ask for the next one while it still runs.

export class Repeating {
  #active = false;
  #again = false;

  /** Runs step(), and once more for as long as it has been called meanwhile: however many steps follow at once, without recursion. */
  run() {
    if (this.#active) {
      this.#again = true;
      return;
    }
    this.#active = true;
    do {
      this.#again = false;
      this.step();
    } while (this.#again);
    this.#active = false;
  }
}
