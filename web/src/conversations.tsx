// The conversations, one a row: whose, how long, and what they used.

import { useComputed } from "@preact/signals";
import { open, show, state, timezone } from "./address.ts";
import { Amount } from "./amount.tsx";
import { useAnswer } from "./answer.ts";
import { titleOf } from "./conversation.tsx";
import { Exact, Unknown } from "./exact.tsx";
import { ConversationTableDocument, type ConversationTableQuery } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { short, whole } from "./number.ts";
import { conversationOrder } from "./order.ts";
import { Pager, lacking, pageAt } from "./pager.tsx";
import { Panel, Scroll } from "./panel.tsx";
import { toCalls } from "./records.tsx";
import { Search } from "./search.tsx";
import { Sorted } from "./sorted.tsx";
import { filterOf, windowOf, type Narrowed, type State } from "./state.ts";
import { Waiting } from "./waiting.tsx";
import { When } from "./when.tsx";

type Row = ConversationTableQuery["usage"]["conversations"]["nodes"][number];

export function Conversations() {
  const variables = useComputed(() => ({
    window: windowOf(state.value),
    timezone: timezone.value,
    filter: filterOf(state.value),
    search: state.value.talk || null,
    orderBy: conversationOrder(state.value.talkOrder),
    ...pageAt(state.value.talkCursor),
  }));
  const answer = useAnswer(ConversationTableDocument, variables, { live: () => state.peek().talkCursor === "" });
  const { data, error, stale } = answer.value;
  const { talk, talkPage } = state.value;
  const list = data?.usage.conversations;
  return (
    <Panel
      title="Conversations"
      class="wide"
      stale={stale}
      error={error}
      tools={
        <div class="tools">
          <Search label="Search conversations" value={talk} search={(talk, replace) => show({ talk }, { replace })} />
        </div>
      }
    >
      <Scroll label="Conversations, as a table">
        <table class="rows">
          <caption class="unseen">Conversations</caption>
          <Head />
          <tbody>
            {(list?.nodes ?? []).map((row) => (
              <Conversation key={row.id} row={row} />
            ))}
            <Waiting rows={lacking(list)} columns={10} />
          </tbody>
        </table>
      </Scroll>
      {list && !list.nodes.length ? (
        <p class="none-here">
          No conversations {talk ? `with “${talk}” ` : ""}in this time.{" "}
          {talk ? (
            <button type="button" class="link" onClick={() => show({ talk: "" })}>
              Show all conversations
            </button>
          ) : null}
        </p>
      ) : null}
      <Pager
        what="conversations"
        page={talkPage}
        list={list}
        stale={stale}
        go={(talkPage, talkCursor) => show({ talkPage, talkCursor })}
      />
    </Panel>
  );
}

function Head() {
  const by = { order: state.value.talkOrder, sort: (talkOrder: State["talkOrder"]) => show({ talkOrder }) };
  return (
    <thead>
      <tr>
        <Sorted column="title" name="Conversation" text {...by} />
        <Sorted column="agent" name="Agent" text {...by} />
        <Sorted column="user" name="User" text {...by} />
        <Sorted column="channel" name="Channel" text {...by} />
        <Sorted column="turns" name="Turns" {...by} />
        <Sorted column="calls" name="Calls" {...by} />
        <Sorted column="credits" name="Credits" {...by} />
        <Sorted column="tokens" name="Tokens" {...by} />
        <Sorted column="cost" name="Cost" {...by} />
        <Sorted column="active" name="Last active" {...by} />
      </tr>
    </thead>
  );
}

function Conversation({ row }: { row: Row }) {
  return (
    <tr>
      <th scope="row">
        <span class="named">
          <button type="button" class="link" onClick={() => open({ about: row.id, record: "" })}>
            {titleOf(row)}
          </button>
        </span>
      </th>
      {(["agent", "user", "channel"] as const).map((by: Narrowed & keyof Row) => (
        <td key={by}>
          {row[by] === null ? <Unknown why="none" /> : <Narrow by={by} value={row[by]} text={row[by]} />}
        </td>
      ))}
      <td class="right">
        <Exact short={short(row.turns)} exact={whole(row.turns)} />
      </td>
      <td class="right">
        <Narrow by="conversation" value={row.conversation} text={titleOf(row)} then={toCalls}>
          <Amount totals={row.totals} metric="calls" />
          <span class="unseen"> calls: show them</span>
        </Narrow>
      </td>
      {(["credits", "tokens", "cost"] as const).map((metric) => (
        <td key={metric} class="right">
          <Amount totals={row.totals} metric={metric} />
        </td>
      ))}
      <td class="right">
        <When instant={row.lastActiveAt} />
      </td>
    </tr>
  );
}
