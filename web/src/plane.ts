// Where in a chart an amount of a point stands.

import { scaleBand, scaleLinear, type ScaleBand, type ScaleLinear } from "d3-scale";

export const HEIGHT = 280;
export const EDGE = { top: 10, right: 8, bottom: 26, left: 58 };

export type Plane = {
  /** Where the band of each point begins. */
  x: ScaleBand<number>;
  y: ScaleLinear<number, number>;
  width: number;
};

export function planeOf(width: number, count: number, highest: number): Plane {
  const x = scaleBand<number>()
    .domain(Array.from({ length: count }, (_, index) => index))
    .range([EDGE.left, width - EDGE.right])
    .paddingInner(0.2);
  const y = scaleLinear()
    .domain([0, highest || 1])
    .range([HEIGHT - EDGE.bottom, EDGE.top])
    .nice(4);
  return { x, y, width };
}

export const middleOf = ({ x }: Plane, index: number): number => x(index)! + x.bandwidth() / 2;

/** The point at a distance from the left edge; null beside the points. */
export function pointAt({ x }: Plane, left: number): number | null {
  const index = Math.floor((left - EDGE.left) / (x.step() || 1));
  return index >= 0 && index < x.domain().length ? index : null;
}
