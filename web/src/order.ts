// What tables can be ordered by. In an address `cost` is the largest first, `cost-up` the smallest.

import type { ConversationOrder, ConversationOrderField, RecordOrder, RecordOrderField } from "./generated.ts";

const RECORDS = {
  time: "STARTED_AT",
  input: "INPUT_TOKENS",
  output: "OUTPUT_TOKENS",
  tokens: "TOKENS",
  cost: "COST",
  duration: "DURATION",
} as const satisfies Record<string, RecordOrderField>;

const CONVERSATIONS = {
  active: "LAST_ACTIVE_AT",
  title: "TITLE",
  agent: "AGENT",
  user: "USER",
  channel: "CHANNEL",
  turns: "TURNS",
  calls: "CALLS",
  credits: "CREDITS",
  tokens: "TOKENS",
  cost: "COST",
} as const satisfies Record<string, ConversationOrderField>;

export type Order<Column extends string> = Column | `${Column}-up`;
export type RecordColumn = keyof typeof RECORDS;
export type ConversationColumn = keyof typeof CONVERSATIONS;

export const RECORD_ORDERS = orders(RECORDS);
export const CONVERSATION_ORDERS = orders(CONVERSATIONS);

export const recordOrder = (order: Order<RecordColumn>): RecordOrder => RECORD_ORDERS[order];
export const conversationOrder = (order: Order<ConversationColumn>): ConversationOrder => CONVERSATION_ORDERS[order];

/** Which column it is by, and whether the smallest comes first. */
export function read<Column extends string>(order: Order<Column>): { column: Column; up: boolean } {
  const up = order.endsWith("-up");
  return { column: (up ? order.slice(0, -3) : order) as Column, up };
}

function orders<Column extends string, Field>(fields: Record<Column, Field>) {
  const columns = Object.keys(fields) as Column[];
  const found = columns.flatMap((column) => [
    [column, { field: fields[column], direction: "DESC" }],
    [`${column}-up`, { field: fields[column], direction: "ASC" }],
  ]);
  return Object.fromEntries(found) as Record<Order<Column>, { field: Field; direction: "ASC" | "DESC" }>;
}
