// Amounts over time: bars that are stacked, or lines that can be compared; exact where one points.

import { useSignal, type Signal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { show, state } from "./address.ts";
import { height, type Metric } from "./amount.tsx";
import { Cursor, Scale, Times } from "./axes.tsx";
import { Bars } from "./bars.tsx";
import { Curve } from "./curve.tsx";
import { Legend } from "./legend.tsx";
import { chosenOf, heights, type Line, type Series } from "./lines.ts";
import { HEIGHT, planeOf, pointAt, type Plane } from "./plane.ts";
import type { Preceding } from "./preceding.ts";
import { Reading } from "./reading.tsx";
import { METRICS } from "./state.ts";

type Props = { series: Series; lines: Line[]; metric: Metric; by: string; preceding: Preceding | undefined };

export function Chart({ series, lines: all, metric, by, preceding }: Props) {
  const { chart } = state.value;
  const only = chosenOf(all, state.value.only);
  const lines = only.length ? all.filter(({ id }) => only.includes(id)) : all;
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const { points } = series;
  const whole = chart === "lines" && !only.length ? points.map(({ totals }) => height(totals, metric)) : undefined;
  const before = preceding?.points.map((point) => (point ? height(point.totals, metric) : null));
  const tops = chart === "bars" ? sums(lines, metric, points.length) : lines.flatMap((line) => heights(line, metric));
  const highest = Math.max(0, ...tops, ...(whole ?? []), ...(before ?? []).map((value) => value ?? 0));
  const plane = planeOf(width.value, points.length, highest);
  const at = useSignal<number | null>(null);
  const index = at.value !== null && at.value < points.length ? at.value : null;
  const point = ({ clientX }: PointerEvent) => (at.value = pointAt(plane, clientX - box.current!.getBoundingClientRect().left));
  /** Shows one point's time alone; a tap only tells what was then. */
  const open = (one: number | null) => {
    const { start: from, end: to } = points[one ?? -1] ?? {};
    if (from && to && points.length > 1) show({ window: { from, to }, bucket: "auto" });
  };
  const shared = { series, lines, metric, plane, index };
  return (
    <>
      <div
        class="chart"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={`${METRICS[metric]} over time by ${by}. Arrow keys go from point to point, Enter shows one alone.`}
        onPointerMove={point}
        onPointerDown={point}
        onPointerLeave={(event) => event.pointerType === "mouse" && (at.value = null)}
        onBlur={() => (at.value = null)}
        onClick={(event) => !(event instanceof PointerEvent && event.pointerType === "touch") && open(index)}
        onKeyDown={(event) => (event.key === "Enter" ? open(index) : walk(event, at, points.length))}
      >
        <Drawing {...shared} whole={whole} before={before} />
        {index === null ? null : (
          <Reading {...shared} index={index} preceding={preceding} beyond={plane.x(index)! < width.value / 2} />
        )}
      </div>
      <Legend lines={all} only={only} metric={metric} whole={whole !== undefined} preceding={preceding} />
    </>
  );
}

type DrawingProps = {
  series: Series;
  lines: Line[];
  metric: Metric;
  plane: Plane;
  index: number | null;
  whole: number[] | undefined;
  before: (number | null)[] | undefined;
};

function Drawing({ series, lines, metric, plane, index, whole, before }: DrawingProps) {
  return (
    <svg width={plane.width} height={HEIGHT} aria-hidden="true">
      <Scale plane={plane} metric={metric} />
      {index === null ? null : <Cursor plane={plane} at={index} />}
      {state.value.chart === "bars" ? (
        <Bars lines={lines} metric={metric} plane={plane} partial={series.points.map(({ partial }) => partial)} />
      ) : (
        <>
          {whole ? <Curve class="whole" values={whole} plane={plane} /> : null}
          {lines.map((line) => (
            <Curve key={line.id} class={line.colour} values={heights(line, metric)} plane={plane} />
          ))}
        </>
      )}
      {before ? <Curve class="before" values={before} plane={plane} halo /> : null}
      <Times plane={plane} series={series} />
    </svg>
  );
}

/** What all lines are together at each point. */
const sums = (lines: Line[], metric: Metric, count: number): number[] =>
  Array.from({ length: count }, (_, index) => lines.reduce((sum, line) => sum + height(line.points[index]!, metric), 0));

function useWidth(box: RefObject<HTMLDivElement | null>): Signal<number> {
  const width = useSignal(800);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => (width.value = Math.max(280, entry!.contentRect.width)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  return width;
}

function walk(event: KeyboardEvent, at: Signal<number | null>, count: number): void {
  const now = at.value ?? count;
  const to = { ArrowLeft: now - 1, ArrowRight: at.value === null ? 0 : now + 1, Home: 0, End: count - 1 }[event.key];
  if (event.key === "Escape") at.value = null;
  if (to === undefined) return;
  event.preventDefault();
  at.value = Math.min(Math.max(to, 0), count - 1);
}
