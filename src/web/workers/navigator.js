// navigator. https://developers.cloudflare.com/workers/runtime-apis/web-standards/#navigatoruseragent

import { brand, illegalConstructor, receiver } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";

const kInternal = {};

export class Navigator {
  #branded = true;

  constructor(token) {
    if (token !== kInternal) throw illegalConstructor();
  }

  get userAgent() { brand(#branded in receiver(this)); return "Cloudflare-Workers"; }
}
defineInterface(Navigator, "Navigator");

export const navigator = new Navigator(kInternal);
