// What is said about the rounds of one row.

/** The middle of the values, or the mean of the two in the middle. */
export function median(values) {
  if (values.length === 0) throw new RangeError("median of nothing");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** { median, min, max } of the values. */
export function summary(values) {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** "met" or "not met", and whether the later goal is met too; "" where there is no goal or no value. */
export function verdict(value, goal, then) {
  if (goal === undefined || value === undefined) return "";
  if (value > goal) return "not met";
  return then !== undefined && value <= then ? `met, and ≤ ${then}` : "met";
}
