// Which point of another time stands beside which point of the chart.

import type { Bucket } from "./generated.ts";
import { wallClock } from "./time.ts";

type Point = { start: string };

/**
 * For each of `points` the one of `others` that it is compared with: the one at its position. Hours of days on which
 * clocks change are not equally many; then it is the one as long after the first of `others`, by the clock, as it is
 * itself after the first of `points`. Of an hour that comes twice the first has a counterpart.
 */
export function aligned<Other extends Point>(
  points: readonly Point[],
  others: readonly Other[],
  timezone: string,
  bucket: Bucket,
): (Other | null)[] {
  const long = bucket === "DAY" || bucket === "WEEK" || bucket === "MONTH";
  if (long || points.length === others.length) return points.map((_, index) => others[index] ?? null);
  const left = new Map<number, Other>();
  const after = since(others, timezone);
  others.forEach((other, index) => left.has(after[index]!) || left.set(after[index]!, other));
  return since(points, timezone).map((time) => {
    const found = left.get(time) ?? null;
    left.delete(time);
    return found;
  });
}

/** Milliseconds on the clock since the first. */
function since(points: readonly Point[], timezone: string): number[] {
  const times = points.map(({ start }) => wallClock(Date.parse(start), timezone));
  return times.map((time) => time - times[0]!);
}
