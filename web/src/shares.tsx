// What part of all each name used: a ring, or bars, with its legend. Names lead to the page of theirs alone.

import { show, state } from "./address.ts";
import { Amount, amount, exactAmount, height, type Metric } from "./amount.tsx";
import { Choice } from "./choice.tsx";
import type { SharesFragment } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { percent } from "./number.ts";
import type { Overview } from "./overview.ts";
import { Panel } from "./panel.tsx";
import { partsOf, type Part } from "./parts.ts";
import { Ring } from "./ring.tsx";
import { METRICS, SHAPES, type Narrowed } from "./state.ts";
import { Swatch } from "./swatch.tsx";

export function AllShares({ shown, stale }: { shown: Overview | undefined; stale: boolean }) {
  const { shares, metric: chosen } = state.value;
  const metric = shown?.of.shares.metric ?? chosen;
  const { sources, agents, models, users } = shown?.usage ?? {};
  const each = { source: sources, agent: agents, model: models, user: users };
  return (
    <section class="all-shares" aria-labelledby="shares">
      <header>
        <h2 id="shares">Shares</h2>
        <Choice label="Shares as" options={SHAPES} value={shares} choose={(shares) => show({ shares })} />
      </header>
      {(Object.keys(each) as (keyof typeof each)[]).map((by) => (
        <Shares key={by} by={by} shares={each[by]} metric={metric} stale={stale} />
      ))}
    </section>
  );
}

type Props = { by: Narrowed; shares: SharesFragment | undefined; metric: Metric; stale: boolean };

function Shares({ by, shares, metric, stale }: Props) {
  const parts = shares ? partsOf(shares, by) : [];
  const bars = state.value.shares === "bars";
  const title = `${METRICS[metric]} by ${by}`;
  const largest = Math.max(...parts.map((part) => height(part.totals, metric)), 0);
  return (
    <Panel title={title} class="shares" stale={stale}>
      <div class="ring">
        {bars ? null : <Ring parts={parts} metric={metric} />}
        <table class="plain">
          <caption class="unseen">{title}</caption>
          <thead class="unseen">
            <tr>
              <th scope="col">Name</th>
              <th scope="col">{METRICS[metric]}</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {parts.map((part) => (
              <tr key={part.id}>
                <th scope="row">
                  <Swatch colour={part.colour} />
                  {part.rest ? <span class="name">{part.name}</span> : <Narrow by={by} value={part.key ?? ""} text={part.name} />}
                  {bars ? <Bar part={part} metric={metric} largest={largest} /> : null}
                </th>
                <td>
                  <Amount totals={part.totals} metric={metric} />
                </td>
                <td>{part.share === null ? "" : percent(part.share)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {shares && !parts.length ? <p class="none-here">No calls in this time.</p> : null}
    </Panel>
  );
}

/** The longest is as long as there is room: so the others can be told from each other, however small all of them are. */
function Bar({ part, metric, largest }: { part: Part; metric: Metric; largest: number }) {
  const length = largest > 0 ? height(part.totals, metric) / largest : 0;
  return (
    <svg class={`bar fill ${part.colour}`} aria-hidden="true">
      <title>{`${part.name}: ${exactAmount(amount(part.totals, metric), metric)}`}</title>
      <rect width={`${(length * 100).toFixed(2)}%`} height="100%" rx="2" />
    </svg>
  );
}
