// A whole and its parts as a ring.

import { arc, pie, type PieArcDatum } from "d3-shape";
import { amount, exactAmount, height, type Metric } from "./amount.tsx";
import type { Part } from "./parts.ts";

const SIZE = 168;
const ring = arc<PieArcDatum<Part>>()
  .innerRadius(SIZE * 0.32)
  .outerRadius(SIZE * 0.5)
  .padAngle(0.012);
const turn = pie<Part>().sort(null);

export function Ring({ parts, metric }: { parts: Part[]; metric: Metric }) {
  const turns = turn.value((part) => height(part.totals, metric))(parts);
  return (
    <svg viewBox={`${-SIZE / 2} ${-SIZE / 2} ${SIZE} ${SIZE}`} width={SIZE} height={SIZE} aria-hidden="true">
      {turns.map((one) =>
        one.value > 0 ? (
          <path key={one.data.id} class={`fill ${one.data.colour}`} d={ring(one) ?? ""}>
            <title>{`${one.data.name}: ${exactAmount(amount(one.data.totals, metric), metric)}`}</title>
          </path>
        ) : null,
      )}
    </svg>
  );
}
