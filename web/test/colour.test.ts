import assert from "node:assert/strict";
import { test } from "node:test";
import { COLOURS, apart, colour } from "../src/colour.ts";

const named = (kind: string, from: number, count: number) =>
  Array.from({ length: count }, (_, number) => `${kind} ${from + number}`);

test("a name keeps its colour, and shares it with none while there are enough", () => {
  const names = named("agent", 0, COLOURS);
  const colours = names.map((name) => colour("agent", name));
  assert.equal(new Set(colours).size, COLOURS);
  assert.deepEqual(names.reverse().map((name) => colour("agent", name)), colours.reverse());
  assert.match(colour("agent", "one more"), /^c\d+$/);
});

test("no name is no colour of a name", () => assert.equal(colour("agent", null), "none"));

test("the first names are those colours that are most unlike", () => {
  const colours = named("few", 0, 12).map((name) => colour("few", name));
  assert.deepEqual(new Set(colours), new Set(named("c", 0, 12).map((name) => name.replace(" ", ""))));
});

test("names that are shown together are told apart, however many were shown before", () => {
  for (let from = 0; from < 1000; from += 7) {
    const names = [...named("model", from, 16), null];
    const before = names.slice(0, 9).map((name) => colour("model", name));
    apart("model", names);
    const colours = names.map((name) => colour("model", name));
    assert.equal(new Set(colours).size, names.length, `from ${from}`);
    // Those that were told apart before keep theirs.
    if (new Set(before).size === before.length) assert.deepEqual(colours.slice(0, 9), before);
  }
});

test("more names than there are colours are shown all the same", () => {
  const names = named("user", 0, COLOURS + 5);
  apart("user", names);
  const colours = names.map((name) => colour("user", name));
  assert.equal(new Set(colours).size, COLOURS);
});
