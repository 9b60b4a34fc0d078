// Everything that is known of one call, in a dialog.

import { useComputed } from "@preact/signals";
import { close, state, timezone } from "./address.ts";
import { useAnswer } from "./answer.ts";
import { Badge } from "./badge.tsx";
import { grouped } from "./decimal.ts";
import { Detail, Facts } from "./detail.tsx";
import { duration, exactDuration } from "./duration.ts";
import { RecordDetailDocument, type RecordDetailQuery } from "./generated.ts";
import { exactMoney } from "./money.ts";
import { linked } from "./narrow.tsx";
import { whole, type Whole } from "./number.ts";
import { exactTime } from "./time.ts";

type Call = Extract<NonNullable<RecordDetailQuery["node"]>, { traceId: string }>;

export function RecordDetail() {
  const variables = useComputed(() => (state.value.record ? { id: state.value.record } : null));
  const { data, error, stale } = useAnswer(RecordDetailDocument, variables, { live: false }).value;
  const node = stale ? undefined : data?.node;
  const call = node && "traceId" in node ? (node as Call) : undefined;
  return (
    <Detail
      label="Details of a call"
      open={state.value.record !== ""}
      close={() => state.peek().record && close({ record: "" })}
      waiting={stale}
      error={error}
    >
      {data && !stale && !call ? <p>This call is not there (any more), or your key does not show it.</p> : null}
      {call ? <Known call={call} /> : null}
    </Detail>
  );
}

const count = (value: Whole | null) => (value === null ? null : whole(value));
const usd = (value: string | null) => (value === null ? null : exactMoney(value));
const SOURCES = { REPORTED: "reported", COMPUTED: "computed from prices", UNPRICED: "no price is known" };

function Known({ call }: { call: Call }) {
  const cost = usd(call.cost);
  return (
    <>
      <h2>
        {call.name ?? call.agent ?? "Unnamed call"} <Badge source={call.source} />
      </h2>
      <Facts
        title="Call"
        facts={{
          Started: exactTime(call.startedAt, timezone.value),
          Duration: `${duration(call.durationMs)} (${exactDuration(call.durationMs)})`,
          "First token": call.firstTokenMs === null ? null : exactDuration(call.firstTokenMs),
          Speed: call.tokensPerSecond === null ? null : `${call.tokensPerSecond.toFixed(1)} tokens/s`,
          Status: call.status === "OK" ? "answered" : `failed${call.errorType ? `: ${call.errorType}` : ""}`,
          Operation: call.operation,
          Provider: call.provider,
          "Model asked for": call.requestModel,
          "Model that answered": call.responseModel,
          Tier: call.serviceTier,
        }}
      />
      <Facts
        title="Tokens"
        facts={{
          Input: count(call.inputTokens),
          "from a cache": count(call.cacheReadTokens),
          "into a cache": count(call.cacheWriteTokens),
          Output: count(call.outputTokens),
          reasoning: count(call.reasoningTokens),
          Total: count(call.totalTokens),
          Note: call.suspect ? "the counts contradict each other" : null,
        }}
      />
      <Facts
        title="Cost"
        facts={{
          Cost: cost ? `${cost} (${SOURCES[call.costStatus]})` : SOURCES.UNPRICED,
          Input: usd(call.costs.input),
          "Cache reads": usd(call.costs.cacheRead),
          "Cache writes": usd(call.costs.cacheWrite),
          Output: usd(call.costs.output),
          Other: usd(call.costs.other),
          Credits: grouped(call.credits),
        }}
      />
      <Facts
        title="For whom"
        facts={{
          Agent: linked("agent", call.agent),
          Conversation: linked("conversation", call.conversation),
          User: linked("user", call.user),
          Channel: linked("channel", call.channel),
          Service: call.service,
          Environment: call.environment,
          ...Object.fromEntries(call.attributes.map(({ key, value }) => [key, value])),
          Trace: call.traceId,
          Span: call.spanId,
        }}
      />
    </>
  );
}
