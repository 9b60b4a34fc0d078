// A line from point to point; with dots where there are few of them, so that one alone is seen, too.

import { line as path } from "d3-shape";
import { middleOf, type Plane } from "./plane.ts";

const FEW = 40;

type Props = {
  class: string;
  /** `null` stands for a point that has no value: the line has a gap there. */
  values: (number | null)[];
  plane: Plane;
  /** What the line runs over keeps a little off it. */
  halo?: boolean;
};

export function Curve({ class: name, values, plane, halo = false }: Props) {
  const { y } = plane;
  const draw = path<number | null>()
    .defined((value) => value !== null)
    .x((_, index) => middleOf(plane, index))
    .y((value) => y(value ?? 0));
  const d = draw(values) ?? "";
  return (
    <g class={`line ${name}`}>
      {halo ? <path class="halo" d={d} /> : null}
      <path d={d} />
      {values.length < FEW
        ? values.map((value, index) =>
            value === null ? null : <circle key={index} cx={middleOf(plane, index)} cy={y(value)} r="2.5" />,
          )
        : null}
    </g>
  );
}
