// The lines of a chart: each value of the dimension, and the rest.

import { height, type Amounts, type Metric } from "./amount.tsx";
import { colour } from "./colour.ts";
import type { Usage } from "./overview.ts";

export type Series = Usage["series"];
export type Line = {
  /** Unique among the lines of a chart. */
  id: string;
  key: string | null;
  /** Whether it is all that has no line of its own. */
  rest: boolean;
  name: string;
  colour: string;
  totals: Series["groups"][number]["totals"];
  points: Amounts[];
};

export const NOBODY: Record<string, string> = { source: "no source", agent: "no agent", model: "unknown model", user: "no user" };

export function linesOf(series: Series, by: string): Line[] {
  const lines = series.groups.map(({ key, label, totals, points }) => ({
    id: key === null ? "=" : `=${key}`,
    key,
    rest: false,
    name: key === null ? (NOBODY[by] ?? "none") : (label ?? key),
    colour: colour(by, key),
    totals,
    points: points.map((point) => point.totals),
  }));
  if (!series.other) return lines;
  const { totals, points } = series.other;
  const rest = { id: "other", key: null, rest: true, name: "all others", colour: "other", totals };
  return [...lines, { ...rest, points: points.map((point) => point.totals) }];
}

/** Those of `only` that there is a line of: another choice may have put others in its place, and then all are shown. */
export const chosenOf = (lines: Line[], only: readonly string[]): string[] =>
  lines.map(({ id }) => id).filter((id) => only.includes(id));

export const heights = (line: Line, metric: Metric): number[] => line.points.map((totals) => height(totals, metric));
