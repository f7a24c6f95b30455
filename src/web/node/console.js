// node:console: the global one.

export default console;
export const {
  assert, clear, count, countReset, debug, dir, dirxml, error, group, groupCollapsed, groupEnd, info, log, table, time, timeEnd,
  timeLog, timeStamp, trace, warn,
} = console;
