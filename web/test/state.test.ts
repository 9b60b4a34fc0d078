import assert from "node:assert/strict";
import { test } from "node:test";
import { INITIAL, filterOf, parse, serialise, windowOf, type State } from "../src/state.ts";

const BUSY: State = {
  ...INITIAL,
  window: { from: "2026-10-25T00:00:00+02:00", to: "2026-10-26T00:00:00+01:00" },
  timezone: "Europe/Berlin",
  by: "model",
  compare: "preceding",
  shares: "bars",
  filter: { agent: "PR reviewer & co", user: "" },
  only: ["a", "b=c"],
  search: "50% off?",
  from: "chat",
  order: "cost-up",
  page: 3,
  cursor: ">abc/+=",
  talkOrder: "title",
  talkPage: 2,
  talkCursor: "<abc",
  about: "xyz",
  numbers: "exact",
};

test("what was written is read again", () => {
  assert.deepEqual(parse(serialise(INITIAL)), INITIAL);
  assert.deepEqual(parse(serialise(BUSY)), BUSY);
});

test("an address says no more than it has to", () => assert.equal(serialise(INITIAL), "window=7d"));

test("what an address says wrongly is as usual", () => {
  assert.deepEqual(parse("window=tomorrow&metric=toString&page=-4&by=__proto__&timezone=Mars&order=newest"), INITIAL);
  assert.deepEqual(parse("page=3&talkCursor=%3Eabc"), INITIAL, "a page without its cursor, and a cursor without a page");
});

test("a time that the server would not read, or no calendar has, is as usual", () => {
  for (const window of [
    "2026-02-30T00:00:00Z/2026-03-03T00:00:00Z",
    "2026-11-02T00:00:00Z/2026-11-01T00:00:00Z",
    "0000-01-01T00:00:00Z/9999-12-31T23:59:59Z",
    "2026-11-01T00:00:00+99:99/2026-11-02T00:00:00Z",
    "2026-11-01T25:00:00Z/2026-11-03T00:00:00Z",
    "2026-11-01T00:00:00/2026-11-02T00:00:00",
    "2026-11-01T00:00:00UTC/2026-11-02T00:00:00UTC",
    "2026-11-01/2026-11-02",
    "2026-11-01T00:00:00Z/",
    "/",
  ]) {
    assert.equal(parse(`window=${encodeURIComponent(window)}`).window, INITIAL.window, window);
  }
  const leap = { from: "2028-02-29T00:00:00.123456789-09:30", to: "2028-03-01T00:00:00Z" };
  assert.deepEqual(parse(`window=${encodeURIComponent(`${leap.from}/${leap.to}`)}`).window, leap);
});

test("what an address does not say is as it was last chosen", () => {
  assert.equal(parse("metric=calls", { ...INITIAL, window: "30d" }).window, "30d");
});

test("an address of the page itself says the same to everybody, whatever they chose last", () => {
  const chosen: State = { ...INITIAL, window: "30d", metric: "calls", timezone: "Asia/Tokyo", numbers: "exact", project: "x" };
  assert.deepEqual(parse(serialise(INITIAL), chosen), INITIAL);
});

test("what is asked for", () => {
  assert.deepEqual(windowOf(INITIAL), { last: "P7D" });
  assert.deepEqual(windowOf({ ...INITIAL, window: "month" }), { period: "THIS_MONTH" });
  assert.deepEqual(filterOf(BUSY), { agent: { eq: "PR reviewer & co" }, user: { isNull: true } });
  assert.equal(filterOf(INITIAL), undefined);
});
