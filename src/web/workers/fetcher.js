// Fetcher: what a service binding is in `env`. https://developers.cloudflare.com/workers/runtime-apis/bindings/service-bindings/http/

import { brand, illegalConstructor, receiver, requireArguments } from "../core/errors.js";
import { defineInterface } from "../core/idl.js";
import { fetchFrom } from "../fetch/fetch.js";

const kInternal = {};

export class Fetcher {
  #service;

  constructor(token, service) {
    if (token !== kInternal) throw illegalConstructor();
    this.#service = service;
  }

  fetch(input, init = undefined) {
    brand(#service in receiver(this));
    requireArguments(arguments.length, 1, "fetch");
    return fetchFrom(this.#service, input, init);
  }
}
defineInterface(Fetcher, "Fetcher");

export function newFetcher(service) {
  return new Fetcher(kInternal, service);
}
