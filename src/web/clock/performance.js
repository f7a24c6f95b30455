// performance: the same frozen clock. https://w3c.github.io/hr-time/

import { host } from "../core/host.js";
import { brand, illegalConstructor, receiver } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";

const kInternal = {};

export class Performance {
  #branded = true;

  constructor(token) {
    if (token !== kInternal) throw illegalConstructor();
  }

  /** 0, as on the platform: performance.now() counts from the epoch. */
  get timeOrigin() { brand(#branded in receiver(this)); return 0; }

  now() { brand(#branded in receiver(this)); return host.now(); }

  toJSON() { brand(#branded in receiver(this)); return { timeOrigin: 0 }; }
}
defineInterface(Performance, "Performance");

export const performance = new Performance(kInternal);
