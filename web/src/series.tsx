// The panel of the chart: what it shows is chosen here, and what is to be known of it said below.

import { show, state, timezone } from "./address.ts";
import { amount, exactAmount, type Metric } from "./amount.tsx";
import { Chart } from "./chart.tsx";
import { ChartTable } from "./chart-table.tsx";
import { Choice, Toggle } from "./choice.tsx";
import type { Bucket } from "./generated.ts";
import { chosenOf, linesOf } from "./lines.ts";
import type { Overview } from "./overview.ts";
import { Panel } from "./panel.tsx";
import { drawable, type Preceding } from "./preceding.ts";
import { BUCKETS, CHARTS, COMPARED, METRICS, SPLITS } from "./state.ts";
import { minuteOf } from "./time.ts";

type Props = { shown: Overview | undefined; preceding: Preceding | undefined; stale: boolean };

export function SeriesPanel({ shown, preceding, stale }: Props) {
  const { bucket, metric, by, chart, compare } = state.value;
  const drawn = shown?.of.chart.metric ?? metric;
  return (
    <Panel
      title={`${METRICS[drawn]} over time`}
      class="wide"
      stale={stale}
      tools={
        <div class="tools">
          <Choice label="Metric" options={METRICS} value={metric} choose={(metric) => show({ metric })} />
          <Choice label="Split by" options={SPLITS} value={by} choose={(by) => show({ by })} />
          <Choice label="Points" options={BUCKETS} value={bucket} choose={(bucket) => show({ bucket })} />
          <Choice label="Drawn as" options={CHARTS} value={chart} choose={(chart) => show({ chart })} />
          <Toggle
            label={COMPARED.preceding}
            on={compare === "preceding"}
            turn={(on) => show({ compare: on ? "preceding" : "none" })}
          />
        </div>
      }
    >
      {shown ? <Drawn shown={shown} metric={drawn} preceding={preceding} /> : <div class="chart" />}
    </Panel>
  );
}

const WANTED: Partial<Record<string, Bucket>> = { hour: "HOUR", day: "DAY" };

function Drawn({ shown, metric, preceding }: { shown: Overview; metric: Metric; preceding: Preceding | undefined }) {
  const { series } = shown.usage;
  const { by, bucket } = shown.of.chart;
  const lines = linesOf(series, by);
  const before = drawable(preceding);
  return (
    <>
      <Chart series={series} lines={lines} metric={metric} by={by} preceding={before} />
      {WANTED[bucket] && WANTED[bucket] !== series.bucket ? (
        <p class="note">
          {BUCKETS[bucket]} would be more points than a chart holds: of this time there is one a {series.bucket.toLowerCase()}.
        </p>
      ) : null}
      {series.points.some(({ partial }) => partial) ? (
        <p class="note">
          <span class="partial-mark" /> cut by an edge of the time shown, or not over yet
        </p>
      ) : null}
      {preceding ? (
        <p class="note" role="status">
          {told(preceding, metric, chosenOf(lines, state.value.only).length > 0)}
        </p>
      ) : null}
      <ChartTable series={series} lines={lines} metric={metric} preceding={before} />
    </>
  );
}

/** What there was before, in words. */
function told(preceding: Preceding, metric: Metric, chosen: boolean): string {
  const { range, totals, over, error } = preceding;
  if (error) return `The previous period is not shown: ${error.message}`;
  if (!range) return "There is no previous period to compare with: it would be empty, or its calls are no longer kept.";
  const when = `${minuteOf(range.from, timezone.value)} – ${minuteOf(range.to, timezone.value)}`;
  if (!totals) return `Previous period: ${when}`;
  const names = chosen ? " of the names that are chosen" : "";
  if (!drawable(preceding)) return `No calls${names} in the previous period, ${when}.`;
  const left = over ? ` ${over === 1 ? "One of its points has" : `${over} of its points have`} no counterpart here.` : "";
  return `Previous period${names}: ${when}, ${exactAmount(amount(totals, metric), metric)} in all.${left}`;
}
