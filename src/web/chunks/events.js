// Events but the plain one: those that the platform fires, and CustomEvent. See core/lazy.js.

export { CloseEvent, CustomEvent, ErrorEvent, MessageEvent, PromiseRejectionEvent } from "../events/event_kinds.js";
export {
  ExtendableEvent, FetchEvent, ScheduledController, ScheduledEvent, closeFetchEvent, newFetchEvent, newScheduledController,
  newScheduledEvent,
} from "../workers/extendable_event.js";
