import assert from "node:assert/strict";
import { test } from "node:test";
import { aligned } from "../src/align.ts";

/** The hours of a day of the calendar in Berlin, from the one to the other instant. */
function hours(from: string, to: string): { start: string }[] {
  const [first, last] = [Date.parse(from), Date.parse(to)];
  return Array.from({ length: (last - first) / 3_600_000 }, (_, hour) => ({
    start: new Date(first + hour * 3_600_000).toISOString(),
  }));
}
const beside = (points: { start: string }[], others: { start: string }[], bucket: "HOUR" | "DAY" | "WEEK" = "HOUR") =>
  aligned(points, others, "Europe/Berlin", bucket).map((other) => other?.start ?? null);

const SATURDAY = hours("2025-10-24T22:00:00Z", "2025-10-25T22:00:00Z");
const LONG_SUNDAY = hours("2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z");
const SHORT_SUNDAY = hours("2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
const AFTER = hours("2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z");

test("as many points stand beside each other by their position", () => {
  assert.deepEqual(beside(AFTER, SATURDAY), SATURDAY.map(({ start }) => start));
});

test("beside a day of 25 hours the hours of the clock stay beside each other", () => {
  const found = beside(LONG_SUNDAY, SATURDAY);
  assert.equal(found.length, 25);
  assert.deepEqual(found.slice(1, 5), ["2025-10-24T23:00:00.000Z", "2025-10-25T00:00:00.000Z", null, "2025-10-25T01:00:00.000Z"]);
  assert.equal(found.at(-1), SATURDAY.at(-1)!.start);
});

test("beside a day of 23 hours one hour has no counterpart", () => {
  const found = beside(AFTER, SHORT_SUNDAY);
  assert.deepEqual(found.slice(1, 4), ["2026-03-29T00:00:00.000Z", null, "2026-03-29T01:00:00.000Z"]);
  assert.equal(found.at(-1), SHORT_SUNDAY.at(-1)!.start);
});

test("days and what is longer stand beside each other by their position", () => {
  const days = ["2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z", "2026-03-30T22:00:00Z"].map((start) => ({ start }));
  const earlier = ["2026-03-25T23:00:00Z", "2026-03-26T23:00:00Z"].map((start) => ({ start }));
  assert.deepEqual(beside(days, earlier, "DAY"), [earlier[0]!.start, earlier[1]!.start, null]);
  assert.deepEqual(beside(earlier, days, "WEEK"), [days[0]!.start, days[1]!.start]);
  assert.deepEqual(beside(days, [], "DAY"), [null, null, null]);
});
