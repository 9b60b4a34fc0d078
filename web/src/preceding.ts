// The window before the one that is shown, point by point.

import { useComputed, type ReadonlySignal } from "@preact/signals";
import { state } from "./address.ts";
import { aligned } from "./align.ts";
import { usePut, type Answer } from "./answer.ts";
import { ask, type Refused } from "./ask.ts";
import { PrecedingSeriesDocument, type PrecedingSeriesQuery, type UsageFilter } from "./generated.ts";
import { chosenOf, linesOf, type Line, type Series } from "./lines.ts";
import type { Overview } from "./overview.ts";
import { filterOf, type Range } from "./state.ts";

type Earlier = PrecedingSeriesQuery["usage"];
export type Point = Earlier["series"]["points"][number];

export type Preceding = {
  /** `null`: there is none, at least none that the server can tell of. */
  range: Range | null;
  /** `undefined` until it is known. */
  totals: Earlier["totals"] | undefined;
  /** One for each point of the chart; null where it has no counterpart. */
  points: (Point | null)[];
  /** How many of its points are no point's counterpart. */
  over: number;
  error: Refused | undefined;
};

/** What there is to draw: of a window without calls a line of zeros would look like something. */
export function drawable(preceding: Preceding | undefined): Preceding | undefined {
  return Number(preceding?.totals?.calls ?? 0) > 0 ? preceding : undefined;
}

/** `undefined` where nobody wants to compare. */
export function usePreceding(overview: ReadonlySignal<Answer<Overview>>): Preceding | undefined {
  const question = useComputed(() => (state.value.compare === "preceding" ? questionOf(overview.value.data) : null));
  const answer = usePut(
    async ({ of, ...variables }: Question, options) => ({ of, ...(await ask(PrecedingSeriesDocument, variables, options)) }),
    question,
    { live: false },
  );
  const { data } = overview.value;
  if (state.value.compare !== "preceding" || !data) return undefined;
  const { series, previous } = data.usage;
  const range = question.value ? previous!.range : null;
  // Of a window that moved on a little it can stay until the next comes, but not of another one.
  const earlier = answer.value.data?.of === question.value?.of ? answer.value.data?.usage : undefined;
  const points = earlier
    ? aligned(series.points, earlier.series.points, question.value!.timezone, series.bucket)
    : series.points.map(() => null);
  const over = (earlier?.series.points.length ?? 0) - points.filter((point) => point !== null).length;
  return { range, totals: earlier?.totals, points, over, error: answer.value.error };
}

type Question = NonNullable<ReturnType<typeof questionOf>>;

function questionOf(shown: Overview | undefined) {
  const range = shown?.usage.previous?.range;
  // A month that begins just now has an empty one before it.
  if (!shown || !range || range.from >= range.to) return null;
  const { window, timezone, by } = shown.of.chart;
  const { series } = shown.usage;
  const chosen = filterOfLines(filterOf(shown.of.chart), by, series, state.value.only);
  const of = JSON.stringify([state.value.project, window, timezone, chosen, series.bucket]);
  return { of, ...range, timezone, bucket: series.bucket, filter: chosen };
}

/** What is compared is what is drawn: the calls of the names that are chosen alone. */
function filterOfLines(
  filter: UsageFilter | undefined,
  by: string,
  series: Series,
  only: readonly string[],
): UsageFilter | undefined {
  const lines = linesOf(series, by);
  const chosen = chosenOf(lines, only);
  const drawn = lines.filter(({ id }) => chosen.includes(id));
  if (!drawn.length) return filter;
  const named = ({ key }: Line): UsageFilter => ({ [by]: key === null ? { isNull: true } : { eq: key } });
  const others = { not: { or: lines.filter(({ rest }) => !rest).map(named) } };
  return { and: [...(filter ? [filter] : []), { or: drawn.map((line) => (line.rest ? others : named(line))) }] };
}
