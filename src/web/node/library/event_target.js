// The library's internal/event_target: EventTarget is that of the web API, whose listeners nobody else sees.

export const isEventTarget = (value) => value instanceof EventTarget;
export const kWeakHandler = Symbol("weak");
export const kEvents = Symbol("events");
export const kResistStopPropagation = Symbol("resistStopPropagation");
