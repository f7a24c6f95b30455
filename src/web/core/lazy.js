// What of the web API is evaluated when it is first needed, since most scripts never do: its closures and prototypes would
// be in the heap of every isolate. It is needed when a script looks at one of its globals (main.js) or the platform
// calls it.
//
// Only this file imports such a chunk (bundle.mjs makes a function of it); others have what it exports from here, and
// what they share with it is part of the core. No object of a chunk exists that was never evaluated: a brand check asks
// `evaluated` and does not evaluate it. It is evaluated in the midst of a script, which may have changed all it could
// reach: primordials.js holds for its top level too. An exception there (the stack is full, the script is terminated)
// leaves nothing behind, and the next one who needs the chunk has it evaluated anew.

import evaluateBodies from "../chunks/bodies.js" with { type: "lazy" };
import evaluateDecoders from "../chunks/decoders.js" with { type: "lazy" };
import evaluateEvents from "../chunks/events.js" with { type: "lazy" };
import evaluateForms from "../chunks/forms.js" with { type: "lazy" };
import evaluateReadables from "../chunks/readables.js" with { type: "lazy" };
import evaluateTransforms from "../chunks/transforms.js" with { type: "lazy" };
import evaluateWebSockets from "../chunks/websockets.js" with { type: "lazy" };

export class Chunk {
  #evaluate;
  #exports = null;

  constructor(evaluate) {
    this.#evaluate = evaluate;
  }

  /** What it exports. */
  get() {
    return (this.#exports ??= this.#evaluate());
  }

  /** What it exports, or null where it was not evaluated. */
  get evaluated() {
    return this.#exports;
  }
}

export const bodies = new Chunk(evaluateBodies);
export const decoders = new Chunk(evaluateDecoders);
export const events = new Chunk(evaluateEvents);
export const forms = new Chunk(evaluateForms);
export const readables = new Chunk(evaluateReadables);
export const transforms = new Chunk(evaluateTransforms);
export const websockets = new Chunk(evaluateWebSockets);
