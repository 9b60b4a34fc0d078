// What a chart says exactly at the point that one points at.

import { timezone } from "./address.ts";
import { amount, exactAmount, type Metric } from "./amount.tsx";
import type { Line, Series } from "./lines.ts";
import type { Preceding } from "./preceding.ts";
import { Swatch } from "./swatch.tsx";
import { span } from "./time.ts";

type Props = {
  series: Series;
  lines: Line[];
  preceding: Preceding | undefined;
  index: number;
  metric: Metric;
  /** Beyond the point that it is about, or it would cover it. */
  beyond: boolean;
};

export function Reading({ series, lines, preceding, index, metric, beyond }: Props) {
  const { start, end, partial, totals } = series.points[index]!;
  return (
    <div class={`reading ${beyond ? "beyond" : ""}`} role="status">
      <p>
        <strong>{span(start, end, timezone.value, series.bucket)}</strong>
        {partial ? <em> partial</em> : null}
      </p>
      {series.points.length > 1 ? <p class="hint">Click or Enter: this time alone</p> : null}
      <dl>
        <div class="total">
          <dt>All</dt>
          <dd>{exactAmount(amount(totals, metric), metric)}</dd>
        </div>
        {preceding?.totals ? <Before series={series} preceding={preceding} index={index} metric={metric} /> : null}
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

function Before({ series, preceding, index, metric }: Pick<Props, "series" | "index" | "metric"> & { preceding: Preceding }) {
  const point = preceding.points[index];
  return (
    <div class="before">
      <dt>
        <span class="dash" aria-hidden="true" />
        {point ? (
          <>
            <span class="unseen">Previous period, </span>
            {span(point.start, point.end, timezone.value, series.bucket)}
            {point.partial ? <em> partial</em> : null}
          </>
        ) : (
          "No counterpart in the previous period"
        )}
      </dt>
      <dd>{point ? exactAmount(amount(point.totals, metric), metric) : "–"}</dd>
    </div>
  );
}
