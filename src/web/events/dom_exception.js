// DOMException. https://webidl.spec.whatwg.org/#idl-DOMException

import { brand, isObject } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import {
  NativeError,
  captureStackTrace,
  construct,
  defineProperty,
  deleteProperty,
  setPrototypeOf,
} from "../core/primordials.js";

// §2.8.1: names with a legacy code.
const kCodes = {
  __proto__: null,
  IndexSizeError: 1, HierarchyRequestError: 3, WrongDocumentError: 4, InvalidCharacterError: 5,
  NoModificationAllowedError: 7, NotFoundError: 8, NotSupportedError: 9, InUseAttributeError: 10,
  InvalidStateError: 11, SyntaxError: 12, InvalidModificationError: 13, NamespaceError: 14,
  InvalidAccessError: 15, TypeMismatchError: 17, SecurityError: 18, NetworkError: 19, AbortError: 20,
  URLMismatchError: 21, QuotaExceededError: 22, TimeoutError: 23, InvalidNodeTypeError: 24, DataCloneError: 25,
};

// §2.8.1: those without.
const kCodeless = {
  __proto__: null,
  EncodingError: 0, NotReadableError: 0, UnknownError: 0, ConstraintError: 0, DataError: 0, TransactionInactiveError: 0,
  ReadOnlyError: 0, VersionError: 0, OperationError: 0, NotAllowedError: 0, OptOutError: 0,
};

/** Whether the standard knows a DOMException of that name. */
export function isDomName(name) {
  return kCodes[name] !== undefined || kCodeless[name] !== undefined;
}

const kConstants = {
  __proto__: null,
  INDEX_SIZE_ERR: 1, DOMSTRING_SIZE_ERR: 2, HIERARCHY_REQUEST_ERR: 3, WRONG_DOCUMENT_ERR: 4,
  INVALID_CHARACTER_ERR: 5, NO_DATA_ALLOWED_ERR: 6, NO_MODIFICATION_ALLOWED_ERR: 7, NOT_FOUND_ERR: 8,
  NOT_SUPPORTED_ERR: 9, INUSE_ATTRIBUTE_ERR: 10, INVALID_STATE_ERR: 11, SYNTAX_ERR: 12,
  INVALID_MODIFICATION_ERR: 13, NAMESPACE_ERR: 14, INVALID_ACCESS_ERR: 15, VALIDATION_ERR: 16,
  TYPE_MISMATCH_ERR: 17, SECURITY_ERR: 18, NETWORK_ERR: 19, ABORT_ERR: 20, URL_MISMATCH_ERR: 21,
  QUOTA_EXCEEDED_ERR: 22, TIMEOUT_ERR: 23, INVALID_NODE_TYPE_ERR: 24, DATA_CLONE_ERR: 25,
};

// A base constructor that returns its argument, so that a derived class can give its private fields to that object.
function Given(object) {
  return object;
}

let nameOf;
let messageOf;
let hasFields;

class Fields extends Given {
  #name;
  #message;

  constructor(error, message, name) {
    super(error);
    this.#name = name;
    this.#message = message;
  }

  static {
    nameOf = (object) => object.#name;
    messageOf = (object) => object.#message;
    hasFields = (object) => isObject(object) && #name in object;
  }
}
setPrototypeOf(Fields.prototype, null);

export class DOMException {
  // The object is a native Error: it has a stack, and Error.isError() and the engine's reports know it.
  constructor(message = "", options = "Error") {
    let name = "Error";
    let cause;
    let hasCause = false;
    if (isObject(options)) {
      if (options.name !== undefined) name = `${options.name}`;
      hasCause = "cause" in options;
      if (hasCause) cause = options.cause;
    } else {
      name = `${options}`;
    }
    const text = `${message}`;
    // V8 begins a stack with the message that the error was made with, not with what a getter says.
    const error = construct(NativeError, [text], new.target);
    deleteProperty(error, "message");
    new Fields(error, text, name);
    captureStackTrace(error, DOMException);
    if (hasCause) {
      defineProperty(error, "cause", { __proto__: null, value: cause, writable: true, configurable: true });
    }
    return error;
  }

  get name() {
    brand(hasFields(this));
    return nameOf(this);
  }

  get message() {
    brand(hasFields(this));
    return messageOf(this);
  }

  get code() {
    brand(hasFields(this));
    return kCodes[nameOf(this)] ?? 0;
  }
}
setPrototypeOf(DOMException.prototype, NativeError.prototype);
defineInterface(DOMException, "DOMException", kConstants);
