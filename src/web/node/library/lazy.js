// What Node's library loads where a property is first looked at.

const globals = () => globalThis;

export const lazy = {
  __proto__: null,
  "internal/blob": globals,
  "internal/file": globals,
  "internal/encoding": globals,
  "internal/abort_controller": globals,
  "internal/mime": () => require("library:internal/mime"),
  "internal/util/parse_args/parse_args": () => require("library:internal/util/parse_args/parse_args"),
  "internal/util/diff": () => require("library:internal/util/diff"),
};
