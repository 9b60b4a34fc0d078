// How long calls take, by model.

import type { Answer } from "./answer.ts";
import { colour } from "./colour.ts";
import { duration, exactDuration } from "./duration.ts";
import { Exact, Unknown } from "./exact.tsx";
import type { HealthQuery } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { short, whole } from "./number.ts";
import { Panel, Scroll } from "./panel.tsx";
import { Swatch } from "./swatch.tsx";

type Totals = HealthQuery["usage"]["totals"];

export function Latency({ answer: { data, error, stale } }: { answer: Answer<HealthQuery> }) {
  const usage = data?.usage;
  return (
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
            {usage ? <Times totals={usage.totals}>All models</Times> : null}
            {(usage?.breakdown.groups ?? []).map(({ key, label, totals }) => (
              <Times key={key} totals={totals}>
                <Swatch colour={colour("model", key)} />
                <Narrow by="model" value={key ?? ""} text={label ?? key ?? "unknown model"} />
              </Times>
            ))}
          </tbody>
        </table>
      </Scroll>
    </Panel>
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
