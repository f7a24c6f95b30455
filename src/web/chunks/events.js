// Events, their targets, and signals. See core/lazy.js.

export {
  AbortController, AbortSignal, abortReason, checkSignal, isAborted, isSignal, newSignal, onAbort, removeStep, signalAbort,
} from "../events/abort.js";
export { Event, eventState } from "../events/event.js";
export { CloseEvent, CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent } from "../events/event_kinds.js";
export { EventTarget, listenersOf } from "../events/event_target.js";
export {
  ExtendableEvent, FetchEvent, ScheduledController, ScheduledEvent, closeFetchEvent, newFetchEvent, newScheduledController,
  newScheduledEvent,
} from "../workers/extendable_event.js";
