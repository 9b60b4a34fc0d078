// A small chart for each name, all on the same scale, so that one sees who is unlike the others; and how fast each was.

import { line as path } from "d3-shape";
import { state } from "./address.ts";
import { Amount, height } from "./amount.tsx";
import { duration, exactDuration } from "./duration.ts";
import { Exact } from "./exact.tsx";
import { linesOf } from "./lines.ts";
import type { Overview } from "./overview.ts";
import { Panel } from "./panel.tsx";
import { METRICS, SPLITS } from "./state.ts";
import { Swatch } from "./swatch.tsx";

const [WIDTH, HEIGHT] = [240, 48];

export function Each({ shown, stale }: { shown: Overview | undefined; stale: boolean }) {
  const { by, metric } = shown?.of.chart ?? state.value;
  const lines = shown ? linesOf(shown.usage.series, by) : [];
  const top = Math.max(...lines.flatMap(({ points }) => points.map((point) => height(point, metric))), 0) || 1;
  return (
    <Panel title={`${METRICS[metric]} of each ${SPLITS[by].toLowerCase()}`} class="wide" stale={stale}>
      <ul class="each">
        {lines.map(({ id, name, colour, totals, points }) => (
          <li key={id}>
            <p>
              <Swatch colour={colour} />
              <span class="name">{name}</span> <Amount totals={totals} metric={metric} />
            </p>
            <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" class={`line ${colour}`} aria-hidden="true">
              <path
                d={
                  path<(typeof points)[number]>()
                    .x((_, index) => (points.length > 1 ? (index / (points.length - 1)) * WIDTH : WIDTH / 2))
                    .y((point) => HEIGHT - 2 - (height(point, metric) / top) * (HEIGHT - 4))(points) ?? ""
                }
              />
            </svg>
            {totals.avgDurationMs === null ? null : (
              <p class="mean">
                Mean duration <Exact short={duration(totals.avgDurationMs)} exact={exactDuration(totals.avgDurationMs)} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </Panel>
  );
}
