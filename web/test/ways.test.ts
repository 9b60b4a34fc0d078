import assert from "node:assert/strict";
import { test } from "node:test";
import { WAYS, steps, type Way } from "../src/ways.ts";

test("every way names the server and no other", () => {
  for (const way of Object.keys(WAYS) as Way[]) {
    const found = steps(way, { server: "http://here:1234", project: "", keyed: false }).match(/https?:\/\/[^/"'\s]+/g);
    assert.deepEqual([...new Set(found)], ["http://here:1234"], way);
  }
});

test("every way names the project, and says where the key goes", () => {
  for (const way of Object.keys(WAYS) as Way[]) {
    const found = steps(way, { server: "http://here:1234", project: "team-b", keyed: true });
    assert.match(found, /team-b/, way);
    assert.match(found, /Bearer(%20| )KEY/, way);
    assert.doesNotMatch(steps(way, { server: "http://here:1234", project: "", keyed: false }), /KEY|project|undefined/, way);
  }
});

test("a project of any name is one word to a shell", () => {
  const target = { server: "http://here:1234", project: "it's $(us) & co", keyed: false };
  assert.ok(steps("curl", target).includes(String.raw`-H 'x-usage-graph-project: it'\''s $(us) & co'`));
  assert.ok(steps("any", target).includes(String.raw`='x-usage-graph-project=it'\''s%20%24(us)%20%26%20co'`));
});
