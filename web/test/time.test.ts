import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, exactTime, instantOf, localOf, minuteOf, span, tick } from "../src/time.ts";

test("an instant is shown by the clock of the zone", () => {
  assert.match(exactTime("2026-11-22T13:50:03Z", "Europe/Berlin"), /^22 Nov 2026, 14:50:03 (CET|GMT\+1)$/);
});

test("how long ago", () => {
  const now = Date.parse("2026-11-22T12:00:00Z");
  for (const [instant, shown] of [
    ["2026-11-22T11:59:58Z", "just now"],
    ["2026-11-22T12:00:30Z", "just now"],
    ["2026-11-22T11:59:18Z", "42s ago"],
    ["2026-11-22T11:11:00Z", "49m ago"],
    ["2026-11-22T09:30:00Z", "2h ago"],
    ["2026-11-19T09:30:00Z", "3d ago"],
    ["2025-10-22T09:30:00Z", "1y ago"],
  ] as const)
    assert.equal(ago(instant, now), shown);
});

test("a clock's time is an instant, on both sides of a change", () => {
  assert.equal(instantOf("2026-03-29T01:30", "Europe/Berlin"), "2026-03-29T00:30:00.000Z");
  assert.equal(instantOf("2026-03-29T03:30", "Europe/Berlin"), "2026-03-29T01:30:00.000Z");
  assert.equal(instantOf("9999-12-31T23:30", "America/New_York"), undefined);
  assert.equal(instantOf("2026-10-25", "Europe/Berlin"), "2026-10-24T22:00:00.000Z");
  assert.equal(instantOf("2026-10-26", "Europe/Berlin"), "2026-10-25T23:00:00.000Z");
  assert.equal(instantOf("nonsense", "UTC"), undefined);
  assert.equal(localOf("2026-11-22T13:50:03Z", "Asia/Kathmandu"), "2026-11-22T19:35");
});

test("points are named by what they stand for", () => {
  const [start, end] = ["2026-11-21T23:00:00Z", "2026-11-22T23:00:00Z"];
  assert.equal(span(start, end, "Europe/Berlin", "DAY"), "Sun, 22 Nov 2026");
  assert.equal(span(start, "2026-11-22T00:00:00Z", "Europe/Berlin", "HOUR"), "22 Nov 2026 00:00–01:00");
  assert.equal(tick(start, "Europe/Berlin", "HOUR"), "22 Nov");
  assert.equal(tick("2026-11-22T13:00:00Z", "Europe/Berlin", "HOUR"), "14:00");
});

test("an hour that comes twice says which it is", () => {
  const hours = ["2025-10-25T23:00:00Z", "2025-10-26T00:00:00Z", "2025-10-26T01:00:00Z", "2025-10-26T02:00:00Z"];
  const shown = hours.map((start) => {
    const end = new Date(Date.parse(start) + 3_600_000).toISOString();
    return [tick(start, "Europe/Berlin", "HOUR"), span(start, end, "Europe/Berlin", "HOUR")];
  });
  assert.deepEqual(shown, [
    ["01:00", "26 Oct 2025 01:00–02:00"],
    ["02:00 (+2)", "26 Oct 2025 02:00–03:00 (UTC+2)"],
    ["02:00 (+1)", "26 Oct 2025 02:00–03:00 (UTC+1)"],
    ["03:00", "26 Oct 2025 03:00–04:00"],
  ]);
  assert.equal(minuteOf("2025-10-26T01:30:00Z", "Europe/Berlin"), "26 Oct 2025 02:30 (UTC+1)");
  assert.equal(minuteOf("2025-11-02T05:30:00Z", "America/New_York"), "2 Nov 2025 01:30 (UTC−4)");
  // Half an hour comes twice there.
  assert.equal(minuteOf("2026-04-04T14:45:00Z", "Australia/Lord_Howe"), "5 Apr 2026 01:45 (UTC+11)");
  assert.equal(minuteOf("2026-04-04T15:15:00Z", "Australia/Lord_Howe"), "5 Apr 2026 01:45 (UTC+10:30)");
  assert.equal(minuteOf("2026-04-04T14:15:00Z", "Australia/Lord_Howe"), "5 Apr 2026 01:15");
});

test("an hour before one that is skipped is an hour", () => {
  const [start, end] = ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z"];
  assert.equal(span(start, end, "Europe/Berlin", "HOUR"), "29 Mar 2026 01:00–02:00");
  assert.equal(span(end, "2026-03-29T02:00:00Z", "Europe/Berlin", "HOUR"), "29 Mar 2026 03:00–04:00");
});
