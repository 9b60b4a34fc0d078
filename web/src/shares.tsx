// What part of all each name used: a ring with its legend. Names lead to the page of theirs alone.

import { arc, pie, type PieArcDatum } from "d3-shape";
import { state } from "./address.ts";
import { Amount, amount, exactAmount, height } from "./amount.tsx";
import { colour } from "./colour.ts";
import type { SharesFragment } from "./generated.ts";
import { NOBODY } from "./lines.ts";
import { Narrow } from "./narrow.tsx";
import { percent } from "./number.ts";
import { Panel } from "./panel.tsx";
import { Swatch } from "./series.tsx";
import { METRICS, type Narrowed } from "./state.ts";

type Group = SharesFragment["groups"][number];
type Part = Omit<Group, "key" | "label"> & { id: string; key: string | null; name: string; colour: string; rest: boolean };

const SIZE = 168;
const ring = arc<PieArcDatum<Part>>()
  .innerRadius(SIZE * 0.32)
  .outerRadius(SIZE * 0.5)
  .padAngle(0.012);
const turn = pie<Part>().sort(null);

export function Shares({ by, shares, stale }: { by: Narrowed; shares: SharesFragment | undefined; stale: boolean }) {
  const { metric } = state.value;
  const parts: Part[] = (shares?.groups ?? []).map((group) => ({
    ...group,
    id: group.key === null ? "=" : `=${group.key}`,
    name: group.key === null ? (NOBODY[by] ?? "none") : (group.label ?? group.key),
    colour: colour(by, group.key),
    rest: false,
  }));
  if (shares?.other) parts.push({ ...shares.other, id: "other", key: null, name: "all others", colour: "other", rest: true });
  const turns = turn.value((part) => height(part.totals, metric))(parts);
  return (
    <Panel title={`${METRICS[metric]} by ${by}`} class="shares" stale={stale}>
      <div class="ring">
        <svg viewBox={`${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`} width={SIZE} height={SIZE} aria-hidden="true">
          {turns.map((one) =>
            one.value > 0 ? (
              <path key={one.data.id} class={`fill ${one.data.colour}`} d={ring(one) ?? ""}>
                <title>{`${one.data.name}: ${exactAmount(amount(one.data.totals, metric), metric)}`}</title>
              </path>
            ) : null,
          )}
        </svg>
        <table class="plain">
          <caption class="unseen">
            {METRICS[metric]} by {by}
          </caption>
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
