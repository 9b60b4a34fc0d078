import assert from "node:assert/strict";
import { test } from "node:test";
import { WAYS, steps, type Way } from "../src/ways.ts";

test("every way names the server and no other", () => {
  for (const way of Object.keys(WAYS) as Way[]) {
    const found = steps(way, "http://here:1234").match(/https?:\/\/[^/"'\s]+/g);
    assert.deepEqual([...new Set(found)], ["http://here:1234"], way);
  }
});
