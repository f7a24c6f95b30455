// The shape of globals: attributes, names, lengths and prototypes of them and of their members, as lines of text. Keeps
// every builtin it uses, for a script that changes them all.
const { getOwnPropertyDescriptor, getPrototypeOf, ownKeys, setPrototypeOf } = Reflect;
const functionPrototype = Function.prototype;
const text = String;

function descriptorOf(object, key) {
  const descriptor = getOwnPropertyDescriptor(object, key);
  if (descriptor !== undefined) setPrototypeOf(descriptor, null);
  return descriptor;
}

function attributesOf({ configurable, enumerable, writable }) {
  return (configurable ? "c" : "-") + (enumerable ? "e" : "-") + (writable ? "w" : "-");
}

function ownValue(value, key) {
  const descriptor = descriptorOf(value, key);
  return descriptor === undefined ? "?" : text(descriptor.value);
}

function functionOf(value) {
  return value === functionPrototype ? "Function.prototype" : "function " + ownValue(value, "name") + "/" + ownValue(value, "length");
}

function valueOf(descriptor) {
  if (descriptor.get !== undefined) {
    return "get " + functionOf(descriptor.get) + (descriptor.set === undefined ? "" : " set " + functionOf(descriptor.set));
  }
  const { value } = descriptor;
  return typeof value === "function" ? functionOf(value) : typeof value === "object" ? "object" : typeof value + " " + text(value);
}

function membersOf(where, object) {
  let lines = "";
  const keys = ownKeys(object);
  for (let i = 0; i < keys.length; i++) {
    const descriptor = descriptorOf(object, keys[i]);
    lines += where + " " + text(keys[i]) + " " + attributesOf(descriptor) + " " + valueOf(descriptor) + "\n";
  }
  return lines;
}

/** Of the global classes of these names. */
export function shapeOf(names) {
  let lines = "";
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const descriptor = descriptorOf(globalThis, name);
    const { value } = descriptor;
    lines += name + " " + attributesOf(descriptor) + " " + functionOf(value) + " extends " + functionOf(getPrototypeOf(value)) + "\n" +
      membersOf(name, value) + membersOf(name + ".prototype", descriptorOf(value, "prototype").value);
  }
  return lines;
}
