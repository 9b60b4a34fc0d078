// A bar for each point, in which the names' amounts are stacked.

import { stack } from "d3-shape";
import { height, type Metric } from "./amount.tsx";
import type { Line } from "./lines.ts";
import type { Plane } from "./plane.ts";

type Props = { lines: Line[]; metric: Metric; plane: Plane; partial: boolean[] };

export function Bars({ lines, metric, plane: { x, y }, partial }: Props) {
  const stacked = stack<number, Line>()
    .keys(lines)
    .value((index, line) => height(line.points[index]!, metric))([...partial.keys()]);
  return (
    <>
      <defs>
        <pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
          <rect class="hatch" width="3" height="6" />
        </pattern>
      </defs>
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
