// Which calls are in no sum of money, since nobody has said what their model costs.

import type { Answer } from "./answer.ts";
import { colour } from "./colour.ts";
import { Exact } from "./exact.tsx";
import type { HealthQuery } from "./generated.ts";
import { Narrow } from "./narrow.tsx";
import { short, whole } from "./number.ts";
import { Panel } from "./panel.tsx";
import { Swatch } from "./swatch.tsx";

export function Unpriced({ answer }: { answer: Answer<HealthQuery> }) {
  const unpriced = answer.data?.usage.unpricedModels ?? [];
  return (
    <Panel title="Calls without a price" stale={answer.stale && !answer.error}>
      {answer.data && !unpriced.length ? <p class="none-here">Every call in this time has a price.</p> : null}
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
  );
}
