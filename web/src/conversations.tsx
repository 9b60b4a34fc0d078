// The conversations, one a row: whose, how long, and what they used.

import { useComputed } from "@preact/signals";
import { show, state, timezone } from "./address.ts";
import { Amount } from "./amount.tsx";
import { useAnswer } from "./answer.ts";
import { Unknown } from "./exact.tsx";
import { ConversationTableDocument } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { whole } from "./number.ts";
import { Pager, pageAt } from "./pager.tsx";
import { Panel, Scroll } from "./panel.tsx";
import { Search } from "./search.tsx";
import { filterOf, windowOf } from "./state.ts";
import { When } from "./when.tsx";

export function Conversations() {
  const variables = useComputed(() => ({
    window: windowOf(state.value),
    timezone: timezone.value,
    filter: filterOf(state.value),
    search: state.value.talk || null,
    ...pageAt(state.value.talkCursor),
  }));
  const answer = useAnswer(ConversationTableDocument, variables, { live: () => state.peek().talkCursor === "" });
  const { data, error, stale } = answer.value;
  const { talk, talkPage } = state.value;
  const found = data?.usage.conversations;
  return (
    <Panel
      title="Conversations"
      class="wide"
      stale={stale}
      error={error}
      tools={
        <div class="tools">
          <Search label="Search conversations" value={talk} search={(talk) => show({ talk }, { replace: true })} />
        </div>
      }
    >
      <Scroll label="Conversations, as a table">
        <table class="rows">
          <caption class="unseen">Conversations</caption>
          <thead>
            <tr>
              <th scope="col">Conversation</th>
              <th scope="col">Agent</th>
              <th scope="col">User</th>
              <th scope="col">Channel</th>
              <th scope="col" class="right">Turns</th>
              <th scope="col" class="right">Credits</th>
              <th scope="col" class="right">Tokens</th>
              <th scope="col" class="right">Cost</th>
              <th scope="col" class="right">Last active</th>
            </tr>
          </thead>
          <tbody>
            {(found?.nodes ?? []).map((row) => (
              <tr key={row.id}>
                <th scope="row">
                  <Narrow
                    by="conversation"
                    value={row.conversation}
                    text={row.title ?? (row.user ? `Conversation with ${row.user}` : row.conversation)}
                  />
                </th>
                <td>{row.agent === null ? <Unknown why="none" /> : <Narrow by="agent" value={row.agent} text={row.agent} />}</td>
                <td>{row.user === null ? <Unknown why="none" /> : <Narrow by="user" value={row.user} text={row.user} />}</td>
                <td>{row.channel ?? <Unknown why="none" />}</td>
                <td class="right">{whole(row.turns)}</td>
                <td class="right">
                  <Amount totals={row.totals} metric="credits" />
                </td>
                <td class="right">
                  <Amount totals={row.totals} metric="tokens" />
                </td>
                <td class="right">
                  <Amount totals={row.totals} metric="cost" />
                </td>
                <td class="right">
                  <When instant={row.lastActiveAt} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {found && !found.nodes.length ? <p class="none-here">No conversations {talk ? `with “${talk}”` : "in this time"}.</p> : null}
      <Pager
        what="conversations"
        page={talkPage}
        total={found?.totalCount}
        shown={found?.nodes.length ?? 0}
        info={found?.pageInfo}
        stale={stale}
        go={(talkPage, talkCursor) => show({ talkPage, talkCursor })}
      />
    </Panel>
  );
}
