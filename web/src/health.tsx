// How fast models answer, what has no price, and what became of everything that was sent.

import { useComputed } from "@preact/signals";
import { state, timezone } from "./address.ts";
import { useAnswer } from "./answer.ts";
import { colour } from "./colour.ts";
import { duration, exactDuration } from "./duration.ts";
import { Exact, Unknown } from "./exact.tsx";
import { HealthDocument, type HealthQuery } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { short, whole, type Whole } from "./number.ts";
import { Panel, Scroll } from "./panel.tsx";
import { filterOf, windowOf } from "./state.ts";
import { Swatch } from "./swatch.tsx";
import { When } from "./when.tsx";

type Totals = HealthQuery["usage"]["totals"];
type Sent = HealthQuery["ingestHealth"];

export function Health() {
  const variables = useComputed(() => ({
    window: windowOf(state.value),
    timezone: timezone.value,
    filter: filterOf(state.value),
  }));
  const { data, error, stale } = useAnswer(HealthDocument, variables).value;
  const unpriced = data?.usage.unpricedModels ?? [];
  return (
    <>
      <Panel title="Latency" class="wide" stale={stale} error={error}>
        <Scroll label="How long calls take, as a table">
          <table class="rows">
            <caption class="unseen">How long calls take, by model</caption>
            <thead>
              <tr>
                <th scope="col">Model</th>
                <th scope="col" class="right">Calls</th>
                <th scope="col" class="right">Mean</th>
                <th scope="col" class="right">p50</th>
                <th scope="col" class="right">p95</th>
                <th scope="col" class="right">p99</th>
                <th scope="col" class="right">Max</th>
                <th scope="col" class="right">First token p50</th>
                <th scope="col" class="right">Tokens/s</th>
              </tr>
            </thead>
            <tbody>
              {data ? <Times totals={data.usage.totals}>All models</Times> : null}
              {(data?.usage.breakdown.groups ?? []).map(({ key, label, totals }) => (
                <Times key={key} totals={totals}>
                  <Swatch colour={colour("model", key)} />
                  <Narrow by="model" value={key ?? ""} text={label ?? key ?? "unknown model"} />
                </Times>
              ))}
            </tbody>
          </table>
        </Scroll>
      </Panel>
      <div id="health" class="pair">
        <Panel title="Calls without a price" stale={stale && !error}>
          {data && !unpriced.length ? <p class="none-here">Every call in this time has a price.</p> : null}
          {unpriced.length ? (
            <>
              <table class="plain">
                <caption class="unseen">Models whose calls have no price</caption>
                <thead class="unseen">
                  <tr>
                    <th scope="col">Model</th>
                    <th scope="col">Provider</th>
                    <th scope="col">Calls</th>
                  </tr>
                </thead>
                <tbody>
                  {unpriced.map(({ model, provider, calls }) => (
                    <tr key={`${provider} ${model}`}>
                      <th scope="row">
                        <Swatch colour={colour("model", model)} />
                        <Narrow by="model" value={model ?? ""} text={model ?? "unknown model"} />
                      </th>
                      <td>{provider}</td>
                      <td>
                        <Exact short={short(calls)} exact={whole(calls)} />
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
              <p class="note">
                They are in no sum of money. Say what a model costs: <code>usage-graph prices set</code>
              </p>
            </>
          ) : null}
        </Panel>
        <Panel title="What was sent" stale={stale && !error}>
          {data ? <Ingest sent={data.ingestHealth} /> : null}
        </Panel>
      </div>
    </>
  );
}

function Times({ totals, children }: { totals: Totals; children: preact.ComponentChildren }) {
  const { avgMs, p50Ms, p95Ms, p99Ms, maxMs, firstToken, tokensPerSecond } = totals.latency;
  return (
    <tr>
      <th scope="row">{children}</th>
      <td class="right">
        <Exact short={short(totals.calls)} exact={whole(totals.calls)} />
      </td>
      {[avgMs, p50Ms, p95Ms, p99Ms, maxMs, firstToken.p50Ms].map((time, index) => (
        <td key={index} class="right">
          {time === null ? <Unknown /> : <Exact short={duration(time)} exact={exactDuration(time)} />}
        </td>
      ))}
      <td class="right">{tokensPerSecond === null ? <Unknown /> : <Exact short={tokensPerSecond.toFixed(1)} exact={String(tokensPerSecond)} />}</td>
    </tr>
  );
}

function Ingest({ sent }: { sent: Sent }) {
  if (!sent.lastSeen) return <p class="none-here">Nothing came yet.</p>;
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
          Token counts of {sent.unrecognisedBy.map(({ scope, count }) => `${scope} (${whole(count)})`).join(", ")} follow no known
          convention and are in no sum.
        </p>
      ) : null}
      {sent.rejectedBy.map(({ reason, count, lastSeen }) => (
        <p key={reason} class="note">
          {whole(count)} × {reason}, last <When instant={lastSeen} />
        </p>
      ))}
      <p class="note">
        Last came <When instant={sent.lastSeen} />, whatever the time shown.
      </p>
    </>
  );
}
