// What a chart is read by: amounts on the left, times below, and the point that one points at.

import { timezone } from "./address.ts";
import { onScale, type Metric } from "./amount.tsx";
import type { Series } from "./lines.ts";
import { EDGE, HEIGHT, middleOf, type Plane } from "./plane.ts";
import { tick } from "./time.ts";

/** The room that a time needs below the chart. */
const TIME = 76;

export function Scale({ plane: { y, width }, metric }: { plane: Plane; metric: Metric }) {
  return y.ticks(4).map((value) => (
    <g key={value} class="grid">
      <line x1={EDGE.left} x2={width - EDGE.right} y1={y(value)} y2={y(value)} />
      <text x={EDGE.left - 8} y={y(value)} dy="0.32em" text-anchor="end">
        {onScale(value, metric)}
      </text>
    </g>
  ));
}

export function Times({ plane, series: { points, bucket } }: { plane: Plane; series: Series }) {
  const { x, width } = plane;
  const step = Math.max(1, Math.ceil(points.length / Math.max(1, Math.floor((width - EDGE.left) / TIME))));
  return points.map(({ start, partial }, index) => (
    <g key={start} class="times">
      {partial ? <rect class="partial" x={x(index)!} width={x.bandwidth()} y={HEIGHT - EDGE.bottom + 2} height="3" /> : null}
      {index % step === 0 ? (
        <text x={middleOf(plane, index)} y={HEIGHT - 6} text-anchor="middle">
          {tick(start, timezone.value, bucket)}
        </text>
      ) : null}
    </g>
  ));
}

export function Cursor({ plane: { x }, at }: { plane: Plane; at: number }) {
  return (
    <rect class="cursor" x={x(at)! - x.step() * 0.1} width={x.step()} y={EDGE.top} height={HEIGHT - EDGE.top - EDGE.bottom} />
  );
}
