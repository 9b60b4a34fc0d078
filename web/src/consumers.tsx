// Who or what consumed most; each leads to the page of its calls alone.

import { show, state } from "./address.ts";
import { Amount } from "./amount.tsx";
import { Badge } from "./badge.tsx";
import { Select } from "./choice.tsx";
import { Narrow } from "./narrow.tsx";
import { percent } from "./number.ts";
import type { Overview } from "./overview.ts";
import { Panel, Scroll } from "./panel.tsx";
import { KINDS, METRICS, type Narrowed } from "./state.ts";

export function Consumers({ shown, stale }: { shown: Overview | undefined; stale: boolean }) {
  const chosen = state.value;
  const { kind, metric } = shown?.of.consumers ?? chosen;
  const consumers = shown?.usage.topConsumers;
  return (
    <Panel
      title="Top consumers"
      class="consumers"
      stale={stale}
      tools={
        <div class="tools">
          <Select label="What" options={KINDS} value={chosen.kind} choose={(kind) => show({ kind })} />
          <Select label="By" options={METRICS} value={chosen.metric} choose={(metric) => show({ metric })} />
        </div>
      }
    >
      <Scroll label="Top consumers, as a table">
        <table class="ranking">
          <caption class="unseen">
            {KINDS[kind]} by {METRICS[metric]}
          </caption>
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">{METRICS[metric]}</th>
              <th scope="col">Share</th>
              {metric === "tokens" ? null : <th scope="col">Tokens</th>}
              {metric === "calls" ? null : <th scope="col">Calls</th>}
            </tr>
          </thead>
          <tbody>
            {(consumers ?? []).map(({ key, dimension, label, source, share, totals }) => (
              <tr key={`${dimension} ${key}`}>
                <th scope="row">
                  <Narrow by={dimension.toLowerCase() as Narrowed} value={key} text={label ?? key} />
                  {source === null ? null : <Badge source={source} />}
                </th>
                <td>
                  <Amount totals={totals} metric={metric} />
                </td>
                <td>
                  {share === null ? (
                    ""
                  ) : (
                    <>
                      <progress aria-hidden="true" max="1" value={share} />
                      {percent(share)}
                    </>
                  )}
                </td>
                {metric === "tokens" ? null : (
                  <td>
                    <Amount totals={totals} metric="tokens" />
                  </td>
                )}
                {metric === "calls" ? null : (
                  <td>
                    <Amount totals={totals} metric="calls" />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {consumers && !consumers.length ? <p class="none-here">None in this time.</p> : null}
    </Panel>
  );
}
