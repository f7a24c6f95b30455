// What the files of Node's library take for granted: bundle.mjs puts it in their reach.

export { primordials } from "./primordials.js";
export { internalBinding } from "./binding.js";
export { core as process } from "../process_core.js";
