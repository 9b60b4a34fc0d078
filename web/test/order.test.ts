import assert from "node:assert/strict";
import { test } from "node:test";
import { CONVERSATION_ORDERS, RECORD_ORDERS, conversationOrder, read, recordOrder } from "../src/order.ts";

test("the largest comes first until it is turned around", () => {
  assert.deepEqual(recordOrder("cost"), { field: "COST", direction: "DESC" });
  assert.deepEqual(recordOrder("cost-up"), { field: "COST", direction: "ASC" });
  assert.deepEqual(conversationOrder("title-up"), { field: "TITLE", direction: "ASC" });
});

test("an order is read as it was written", () => {
  assert.deepEqual(read("tokens"), { column: "tokens", up: false });
  assert.deepEqual(read("tokens-up"), { column: "tokens", up: true });
});

test("each column has both ends, and a field of its own", () => {
  for (const orders of [RECORD_ORDERS, CONVERSATION_ORDERS]) {
    const said = Object.values(orders).map((order) => JSON.stringify(order));
    assert.equal(new Set(said).size, said.length);
    assert.equal(said.length % 2, 0);
  }
});
