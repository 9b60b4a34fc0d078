// The lines of a chart: each value of the dimension, and the rest.

import { height, type Amounts, type Metric } from "./amount.tsx";
import { colour } from "./colour.ts";
import type { OverviewQuery } from "./generated.ts";

export type Series = OverviewQuery["usage"]["series"];
export type Line = {
  /** Unique among the lines of a chart. */
  id: string;
  name: string;
  colour: string;
  totals: Amounts;
  points: Amounts[];
};

export const NOBODY: Record<string, string> = { source: "no source", agent: "no agent", model: "unknown model", user: "no user" };

export function linesOf(series: Series, by: string): Line[] {
  const lines = series.groups.map(({ key, label, totals, points }) => ({
    id: key === null ? "=" : `=${key}`,
    name: key === null ? (NOBODY[by] ?? "none") : (label ?? key),
    colour: colour(by, key),
    totals,
    points: points.map((point) => point.totals),
  }));
  if (series.other) {
    const { totals, points } = series.other;
    lines.push({ id: "other", name: "all others", colour: "other", totals, points: points.map((point) => point.totals) });
  }
  return lines;
}

export const heights = (line: Line, metric: Metric): number[] => line.points.map((totals) => height(totals, metric));
