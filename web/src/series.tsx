// Amounts over time: bars that are stacked, or lines that can be compared; exact where one points.

import { useSignal } from "@preact/signals";
import { scaleBand, scaleLinear } from "d3-scale";
import { line as path, stack } from "d3-shape";
import { useEffect, useRef } from "preact/hooks";
import { show, state, timezone } from "./address.ts";
import { amount, exactAmount, height, onScale, type Metric } from "./amount.tsx";
import { Choice } from "./choice.tsx";
import { heights, linesOf, type Line, type Series } from "./lines.ts";
import { Panel, Scroll } from "./panel.tsx";
import { BUCKETS, CHARTS, METRICS, SPLITS } from "./state.ts";
import { span, tick } from "./time.ts";

const HEIGHT = 280;
const EDGE = { top: 10, right: 8, bottom: 26, left: 58 };

export function SeriesPanel({ series, stale }: { series: Series | undefined; stale: boolean }) {
  const { bucket, metric, by, chart } = state.value;
  return (
    <Panel
      title={`${METRICS[metric]} over time`}
      class="wide"
      stale={stale}
      tools={
        <div class="tools">
          <Choice label="Metric" options={METRICS} value={metric} choose={(metric) => show({ metric })} />
          <Choice label="Split by" options={SPLITS} value={by} choose={(by) => show({ by })} />
          <Choice label="Points" options={BUCKETS} value={bucket} choose={(bucket) => show({ bucket })} />
          <Choice label="Drawn as" options={CHARTS} value={chart} choose={(chart) => show({ chart })} />
        </div>
      }
    >
      {series ? <Chart series={series} metric={metric} by={by} /> : <div class="chart" />}
    </Panel>
  );
}

function Chart({ series, metric, by }: { series: Series; metric: Metric; by: string }) {
  const all = linesOf(series, by);
  const { only, chart } = state.value;
  const lines = only.length ? all.filter(({ id }) => only.includes(id)) : all;
  const width = useSignal(800);
  const at = useSignal<number | null>(null);
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => (width.value = Math.max(280, entry!.contentRect.width)));
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);

  const { points } = series;
  const count = points.length;
  const x = scaleBand<number>()
    .domain([...points.keys()])
    .range([EDGE.left, width.value - EDGE.right])
    .paddingInner(0.2);
  const tallest = (index: number) =>
    chart === "bars"
      ? lines.reduce((sum, line) => sum + height(line.points[index]!, metric), 0)
      : Math.max(
          0,
          ...lines.map((line) => height(line.points[index]!, metric)),
          ...(only.length ? [] : [height(points[index]!.totals, metric)]),
        );
  const top = Math.max(...points.map((_, index) => tallest(index)), 0);
  const y = scaleLinear()
    .domain([0, top || 1])
    .range([HEIGHT - EDGE.bottom, EDGE.top])
    .nice(4);
  const step = Math.max(1, Math.ceil(count / Math.max(1, Math.floor((width.value - EDGE.left) / 76))));
  const named = (index: number) => {
    const { start, end } = points[index]!;
    return span(start, end, timezone.value, series.bucket);
  };
  const point = (clientX: number) => {
    const { left } = box.current!.getBoundingClientRect();
    const index = Math.floor((clientX - left - EDGE.left) / (x.step() || 1));
    at.value = index >= 0 && index < count ? index : null;
  };
  const walk = (event: KeyboardEvent) => {
    const now = at.value ?? count;
    const to = { ArrowLeft: now - 1, ArrowRight: at.value === null ? 0 : now + 1, Home: 0, End: count - 1 }[event.key];
    if (event.key === "Escape") at.value = null;
    if (to === undefined) return;
    event.preventDefault();
    at.value = Math.min(Math.max(to, 0), count - 1);
  };

  return (
    <>
      <div
        class="chart"
        ref={box}
        tabIndex={0}
        role="group"
        aria-label={`${METRICS[metric]} over time by ${by}. Arrow keys go from point to point.`}
        onPointerMove={(event) => point(event.clientX)}
        onPointerDown={(event) => point(event.clientX)}
        onPointerLeave={(event) => event.pointerType === "mouse" && (at.value = null)}
        onBlur={() => (at.value = null)}
        onKeyDown={walk}
      >
        <svg width={width.value} height={HEIGHT} aria-hidden="true">
          <Pattern />
          {y.ticks(4).map((value) => (
            <g key={value} class="grid">
              <line x1={EDGE.left} x2={width.value - EDGE.right} y1={y(value)} y2={y(value)} />
              <text x={EDGE.left - 8} y={y(value)} dy="0.32em" text-anchor="end">
                {onScale(value, metric)}
              </text>
            </g>
          ))}
          {at.value !== null && at.value < count ? (
            <rect class="cursor" x={x(at.value)! - x.step() * 0.1} width={x.step()} y={EDGE.top} height={HEIGHT - EDGE.top - EDGE.bottom} />
          ) : null}
          {chart === "bars" ? (
            <Bars lines={lines} metric={metric} x={x} y={y} partial={points.map(({ partial }) => partial)} />
          ) : (
            <Lines lines={lines} metric={metric} x={x} y={y} whole={only.length ? undefined : points.map(({ totals }) => height(totals, metric))} />
          )}
          {points.map(({ start, partial }, index) => (
            <g key={start} class="times">
              {partial ? (
                <rect class="partial" x={x(index)!} width={x.bandwidth()} y={HEIGHT - EDGE.bottom + 2} height="3" />
              ) : null}
              {index % step === 0 ? (
                <text x={x(index)! + x.bandwidth() / 2} y={HEIGHT - 6} text-anchor="middle">
                  {tick(start, timezone.value, series.bucket)}
                </text>
              ) : null}
            </g>
          ))}
        </svg>
        {at.value !== null && at.value < count ? (
          <Reading
            title={named(at.value)}
            partial={points[at.value]!.partial}
            total={exactAmount(amount(points[at.value]!.totals, metric), metric)}
            lines={lines}
            index={at.value}
            metric={metric}
            right={x(at.value)! < width.value / 2}
          />
        ) : null}
      </div>
      <Legend lines={all} only={only} metric={metric} />
      {points.some(({ partial }) => partial) ? (
        <p class="note">
          <span class="partial-mark" /> cut by an edge of the time shown, or not over yet
        </p>
      ) : null}
      <Table series={series} lines={all} metric={metric} named={named} />
    </>
  );
}

type Drawn = {
  lines: Line[];
  metric: Metric;
  x: ReturnType<typeof scaleBand<number>>;
  y: ReturnType<typeof scaleLinear<number, number>>;
};

function Bars({ lines, metric, x, y, partial }: Drawn & { partial: boolean[] }) {
  const stacked = stack<number, Line>()
    .keys(lines)
    .value((index, line) => height(line.points[index]!, metric))([...partial.keys()]);
  return (
    <>
      {stacked.map((layer) => (
        <g key={layer.key.id} class={`fill ${layer.key.colour}`}>
          {layer.map(([low, high], index) =>
            high > low ? (
              <rect key={index} x={x(index)!} width={x.bandwidth()} y={y(high)} height={Math.max(0.5, y(low) - y(high))} />
            ) : null,
          )}
        </g>
      ))}
      {partial.map((cut, index) => {
        const high = Math.max(...stacked.map((layer) => layer[index]![1]), 0);
        return cut && high > 0 ? (
          <rect key={index} class="hatched" x={x(index)!} width={x.bandwidth()} y={y(high)} height={y(0) - y(high)} />
        ) : null;
      })}
    </>
  );
}

function Lines({ lines, metric, x, y, whole }: Drawn & { whole: number[] | undefined }) {
  const middle = (index: number) => x(index)! + x.bandwidth() / 2;
  const draw = (values: number[]) =>
    path<number>()
      .x((_, index) => middle(index))
      .y((value) => y(value))(values) ?? "";
  return (
    <>
      {whole ? <path class="line whole" d={draw(whole)} /> : null}
      {lines.map((line) => (
        <g key={line.id} class={`line ${line.colour}`}>
          <path d={draw(heights(line, metric))} />
          {line.points.length < 40
            ? heights(line, metric).map((value, index) => <circle key={index} cx={middle(index)} cy={y(value)} r="2.5" />)
            : null}
        </g>
      ))}
    </>
  );
}

function Pattern() {
  return (
    <defs>
      <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect class="hatch" width="3" height="6" />
      </pattern>
    </defs>
  );
}

type ReadingProps = {
  title: string;
  partial: boolean;
  total: string;
  lines: Line[];
  index: number;
  metric: Metric;
  right: boolean;
};

function Reading({ title, partial, total, lines, index, metric, right }: ReadingProps) {
  return (
    <div class={`reading ${right ? "beyond" : ""}`} role="status">
      <p>
        <strong>{title}</strong>
        {partial ? <em> partial</em> : null}
      </p>
      <dl>
        <div class="total">
          <dt>All</dt>
          <dd>{total}</dd>
        </div>
        {lines
          .filter((line) => Number(line.points[index]!.calls) > 0)
          .map((line) => (
            <div key={line.id}>
              <dt>
                <Swatch colour={line.colour} />
                {line.name}
              </dt>
              <dd>{exactAmount(amount(line.points[index]!, metric), metric)}</dd>
            </div>
          ))}
      </dl>
    </div>
  );
}

export function Swatch({ colour }: { colour: string }) {
  return <span class={`swatch ${colour}`} aria-hidden="true" />;
}

function Legend({ lines, only, metric }: { lines: Line[]; only: string[]; metric: Metric }) {
  const toggle = (id: string) => show({ only: only.includes(id) ? only.filter((one) => one !== id) : [...only, id] });
  return (
    <ul class="legend" aria-label="Names and colours; those that are chosen are shown alone">
      {lines.map(({ id, name, colour, totals }) => (
        <li key={id}>
          <button
            type="button"
            aria-pressed={only.includes(id)}
            class={only.length && !only.includes(id) ? "off" : ""}
            title={`${name}: ${exactAmount(amount(totals, metric), metric)}`}
            onClick={() => toggle(id)}
          >
            <Swatch colour={colour} />
            {name}
          </button>
        </li>
      ))}
    </ul>
  );
}

/** The same as text: for screen readers, and for whoever wants the numbers. */
function Table({ series, lines, metric, named }: { series: Series; lines: Line[]; metric: Metric; named: (index: number) => string }) {
  const open = useSignal(false);
  return (
    <details class="as-table" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>As a table</summary>
      {open.value ? (
        <Scroll label="The chart as a table">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                <th scope="col">All</th>
                {lines.map(({ id, name }) => (
                  <th key={id} scope="col">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {series.points.map(({ start, partial, totals }, index) => (
                <tr key={start}>
                  <th scope="row">
                    {named(index)}
                    {partial ? " (partial)" : ""}
                  </th>
                  <td>{exactAmount(amount(totals, metric), metric)}</td>
                  {lines.map(({ id, points }) => (
                    <td key={id}>{exactAmount(amount(points[index]!, metric), metric)}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </Scroll>
      ) : null}
    </details>
  );
}
