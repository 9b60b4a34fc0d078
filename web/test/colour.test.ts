import assert from "node:assert/strict";
import { test } from "node:test";
import { COLOURS, apart, colour } from "../src/colour.ts";

const named = (kind: string, from: number, count: number) =>
  Array.from({ length: count }, (_, number) => `${kind} ${from + number}`);

test("names share no colour while there are enough, and have the same at every visit", () => {
  const names = named("agent", 0, COLOURS);
  apart("agent", names);
  const colours = names.map((name) => colour("agent", name));
  assert.equal(new Set(colours).size, COLOURS);
  apart("another visit", [...names].reverse());
  assert.deepEqual(names.map((name) => colour("another visit", name)), colours);
  assert.match(colour("agent", "one more"), /^c\d+$/);
});

test("no name is no colour of a name", () => assert.equal(colour("agent", null), "none"));

test("the first names are those colours that are most unlike", () => {
  const names = named("few", 0, 12);
  apart("few", names);
  const colours = names.map((name) => colour("few", name));
  assert.deepEqual(new Set(colours), new Set(named("c", 0, 12).map((name) => name.replace(" ", ""))));
});

test("names that are shown together are told apart, however many were shown before", () => {
  for (let from = 0; from < 1000; from += 7) {
    const names = [...named("model", from, 16), null];
    apart("model", names.slice(0, 9));
    const before = names.slice(0, 9).map((name) => colour("model", name));
    apart("model", names);
    const colours = names.map((name) => colour("model", name));
    assert.equal(new Set(colours).size, names.length, `from ${from}`);
    // Those that were told apart before keep theirs.
    assert.deepEqual(colours.slice(0, 9), before);
  }
});

test("more names than there are colours are shown all the same", () => {
  const names = named("user", 0, COLOURS + 5);
  apart("user", names);
  const colours = names.map((name) => colour("user", name));
  assert.equal(new Set(colours).size, COLOURS);
});
