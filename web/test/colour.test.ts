import assert from "node:assert/strict";
import { test } from "node:test";
import { COLOURS, colour } from "../src/colour.ts";

test("a name keeps its colour, and shares it with none while there are enough", () => {
  const names = Array.from({ length: COLOURS }, (_, number) => `agent ${number}`);
  const colours = names.map((name) => colour("agent", name));
  assert.equal(new Set(colours).size, COLOURS);
  assert.deepEqual(names.reverse().map((name) => colour("agent", name)), colours.reverse());
  assert.match(colour("agent", "one more"), /^c\d+$/);
});

test("no name is no colour of a name", () => assert.equal(colour("agent", null), "none"));
