// What became of everything that was sent, whatever the time shown.

import { useComputed } from "@preact/signals";
import { SLOWLY, useAnswer, type Answer } from "./answer.ts";
import { Exact } from "./exact.tsx";
import { IngestHealthDocument, type IngestHealthQuery } from "./generated.ts";
import { short, whole, type Whole } from "./number.ts";
import { Panel } from "./panel.tsx";
import { When } from "./when.tsx";

type Sent = IngestHealthQuery["ingestHealth"];

export function useIngest(): Answer<IngestHealthQuery> {
  return useAnswer(IngestHealthDocument, useComputed(() => ({})), { every: SLOWLY, always: true }).value;
}

export function Ingest({ answer: { data, error, stale } }: { answer: Answer<IngestHealthQuery> }) {
  const untold = error?.code === "NOT_TOLD";
  return (
    <Panel title="What was sent" stale={stale && !error} error={untold ? undefined : error}>
      {untold ? <p class="none-here">{error.message}</p> : data ? <Became sent={data.ingestHealth} /> : null}
    </Panel>
  );
}

function Became({ sent }: { sent: Sent }) {
  if (!sent.since || !sent.lastSeen) return <p class="none-here">Nothing came yet.</p>;
  const counts: [string, Whole][] = [
    ["Received", sent.accepted],
    ["New calls", sent.stored],
    ["Told of known calls", sent.merged],
    ["Sent again", sent.repeated],
    ["No LLM call", sent.notLlm],
    ["Rejected", sent.rejected],
    ["Not recognised", sent.unrecognised],
  ];
  return (
    <>
      <table class="plain">
        <caption class="unseen">What became of what was sent</caption>
        <thead class="unseen">
          <tr>
            <th scope="col">What</th>
            <th scope="col">How many</th>
          </tr>
        </thead>
        <tbody>
          {counts.map(([name, count]) => (
            <tr key={name} class={(name === "Rejected" || name === "Not recognised") && Number(count) > 0 ? "warning" : ""}>
              <th scope="row">{name}</th>
              <td>
                <Exact short={short(count)} exact={whole(count)} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {sent.unrecognisedBy.length ? (
        <p class="note">
          {sent.unrecognisedBy.map(({ scope, count, lastSeen }, index) => (
            <>
              {index ? ", " : "Token counts of "}
              {scope} ({whole(count)}, last <When instant={lastSeen} />)
            </>
          ))}{" "}
          follow no known convention and are in no sum: let them be named <code>gen_ai.usage.input_tokens</code> and{" "}
          <code>gen_ai.usage.output_tokens</code>. What else is known is in <code>docs/instrumentation.md</code>.
        </p>
      ) : null}
      {sent.rejectedBy.map(({ reason, count, lastSeen }) => (
        <p key={reason} class="note">
          Rejected {whole(count)} ×, last <When instant={lastSeen} />: {reason}
        </p>
      ))}
      <p class="note">
        Counted since <When instant={sent.since} />, whatever the time shown; last came <When instant={sent.lastSeen} />.
      </p>
    </>
  );
}
