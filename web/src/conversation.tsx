// Everything that is known of one conversation, in a dialog.

import { useComputed } from "@preact/signals";
import { close, state, timezone } from "./address.ts";
import { useAnswer } from "./answer.ts";
import { grouped } from "./decimal.ts";
import { Detail, Facts } from "./detail.tsx";
import { duration, exactDuration } from "./duration.ts";
import { ConversationDetailDocument, type ConversationDetailQuery } from "./generated.ts";
import { exactMoney } from "./money.ts";
import { Narrow, linked } from "./narrow.tsx";
import { whole } from "./number.ts";
import { toCalls } from "./records.tsx";
import { exactTime } from "./time.ts";

type Found = Extract<NonNullable<ConversationDetailQuery["node"]>, { conversation: string }>;

export function ConversationDetail() {
  const variables = useComputed(() => (state.value.about ? { id: state.value.about } : null));
  const { data, error, stale } = useAnswer(ConversationDetailDocument, variables).value;
  const node = stale ? undefined : data?.node;
  const found = node && "conversation" in node ? (node as Found) : undefined;
  return (
    <Detail
      label="Details of a conversation"
      open={state.value.about !== ""}
      close={() => state.peek().about && close({ about: "" })}
      waiting={stale}
      error={error}
    >
      {data && !stale && !found ? <p>This conversation is not there (any more), or your key does not show it.</p> : null}
      {found ? <Known found={found} /> : null}
    </Detail>
  );
}

/** What one may call a conversation that has no title. */
export function titleOf({ title, user, conversation }: { title: string | null; user: string | null; conversation: string }): string {
  return title ?? (user === null ? conversation : `Conversation with user ${user}`);
}

function Known({ found }: { found: Found }) {
  const { totals } = found;
  const cost = totals.cost === null ? "no price is known" : exactMoney(totals.cost);
  return (
    <>
      <h2>{titleOf(found)}</h2>
      <p>
        <Narrow by="conversation" value={found.conversation} text={titleOf(found)} then={toCalls}>
          Show its calls
        </Narrow>
      </p>
      <Facts
        title="Conversation"
        facts={{
          "With user": linked("user", found.user),
          Agent: linked("agent", found.agent),
          Channel: linked("channel", found.channel),
          Conversation: found.conversation,
          Started: exactTime(found.startedAt, timezone.value),
          "Last active": exactTime(found.lastActiveAt, timezone.value),
          Turns: whole(found.turns),
          Models: found.models.join(", ") || null,
        }}
      />
      <Facts
        title="Used, over all of its time"
        facts={{
          Calls: whole(totals.calls),
          "Failed calls": whole(totals.failedCalls),
          Input: whole(totals.inputTokens),
          Output: whole(totals.outputTokens),
          Tokens: whole(totals.totalTokens),
          Cost: cost,
          "Calls without a price": Number(totals.unpricedCalls) ? whole(totals.unpricedCalls) : null,
          Credits: grouped(totals.credits),
          "Mean duration of a call": totals.avgDurationMs === null ? null : `${duration(totals.avgDurationMs)} (${exactDuration(totals.avgDurationMs)})`,
        }}
      />
    </>
  );
}
