// A chart as text: for screen readers, and for whoever wants the numbers.

import { useSignal } from "@preact/signals";
import { timezone } from "./address.ts";
import { amount, exactAmount, type Metric } from "./amount.tsx";
import type { Line, Series } from "./lines.ts";
import { Scroll } from "./panel.tsx";
import type { Point, Preceding } from "./preceding.ts";
import { span } from "./time.ts";

type Props = { series: Series; lines: Line[]; preceding: Preceding | undefined; metric: Metric };

export function ChartTable(props: Props) {
  const open = useSignal(false);
  return (
    <details class="as-table" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>As a table</summary>
      {open.value ? (
        <Scroll label="The chart as a table">
          <Rows {...props} />
        </Scroll>
      ) : null}
    </details>
  );
}

function Rows({ series, lines, preceding, metric }: Props) {
  const named = ({ start, end, partial }: Omit<Point, "totals">) =>
    `${span(start, end, timezone.value, series.bucket)}${partial ? " (partial)" : ""}`;
  const before = preceding?.totals ? preceding.points : undefined;
  return (
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
          {before ? (
            <>
              <th scope="col">Previous period</th>
              <th scope="col">Its time</th>
            </>
          ) : null}
        </tr>
      </thead>
      <tbody>
        {series.points.map((point, index) => (
          <tr key={point.start}>
            <th scope="row">{named(point)}</th>
            <td>{exactAmount(amount(point.totals, metric), metric)}</td>
            {lines.map(({ id, points }) => (
              <td key={id}>{exactAmount(amount(points[index]!, metric), metric)}</td>
            ))}
            {before ? <Before point={before[index] ?? null} metric={metric} named={named} /> : null}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Before({ point, metric, named }: { point: Point | null; metric: Metric; named: (point: Point) => string }) {
  return (
    <>
      <td>{point ? exactAmount(amount(point.totals, metric), metric) : "–"}</td>
      <td>{point ? named(point) : "no counterpart"}</td>
    </>
  );
}
