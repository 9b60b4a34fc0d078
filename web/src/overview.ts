// What the first screen shows: asked all at once to begin with, so that it is of one moment, and then no more of it than
// another choice changes.

import { useComputed, type ReadonlySignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { state, timezone } from "./address.ts";
import { usePut, type Answer } from "./answer.ts";
import { Refused, ask } from "./ask.ts";
import { apart } from "./colour.ts";
import { OverviewDocument, type OverviewQuery } from "./generated.ts";
import { key } from "./key.ts";
import { changes, listening } from "./live.ts";
import { dimensionOf, filterOf, kindOf, metricOf, windowOf, type State } from "./state.ts";

export type Usage = Required<OverviewQuery["usage"]>;

/** The parts that are asked alone, and the choices that change each, besides those that change all. */
const PARTS = {
  cards: [],
  chart: ["bucket", "by", "metric"],
  shares: ["metric"],
  consumers: ["kind", "metric"],
} as const satisfies Record<string, readonly (keyof Choices)[]>;

export type Part = keyof typeof PARTS;
const ALL = ["window", "timezone", "filter"] as const;
type Choices = Pick<State, (typeof ALL)[number] | "bucket" | "by" | "metric" | "kind">;

export type Overview = {
  usage: Usage;
  /** What each part was asked with: what it shows is of that, not of what has been chosen since. */
  of: Record<Part, Choices>;
  /** Whose it is and as of when: parts of another are not put together with it. */
  moment: string;
};

/** Whether a part would be another one with other choices. */
const differs = (part: Part, shown: Choices, wanted: Choices): boolean =>
  [...ALL, ...PARTS[part]].some(
    (name) => JSON.stringify(shown[name]) !== JSON.stringify(wanted[name]),
  );

export function useOverview(): {
  answer: ReadonlySignal<Answer<Overview>>;
  /** Whether what a part shows is not what is chosen, and that is waited for. */
  stale: (part: Part) => boolean;
} {
  const choices = useComputed<Choices>(() => {
    const { window, filter, bucket, by, metric, kind } = state.value;
    return { window, timezone: timezone.value, filter, bucket, by, metric, kind };
  });
  const answer = usePut(useMemo(asking, []), choices);
  return {
    answer,
    stale: (part) => {
      const { data, error } = answer.value;
      return !error && (!data || differs(part, data.of[part], choices.value));
    },
  };
}

/** Asks for what differs from what it heard last. */
function asking() {
  let heard: Overview | undefined;
  /** The time and the points that were too many: they are asked for coarser at once. */
  let tooMany = "";
  return async (choices: Choices, options: { project: string; signal: AbortSignal }): Promise<Overview> => {
    const moment = JSON.stringify([options.project, key.peek(), changes.peek()]);
    // Where nobody says when calls come, a choice is also the time to look again.
    const kept = listening.peek() && heard?.moment === moment ? heard : undefined;
    const wanted = (Object.keys(PARTS) as Part[]).filter((part) => !kept || differs(part, kept.of[part], choices));
    if (kept && !wanted.length) return kept;
    const parts = Object.fromEntries((Object.keys(PARTS) as Part[]).map((part) => [part, wanted.includes(part)]));
    // Beside what is kept belongs the same time, not one that ends now.
    const { from = "", to = "" } = kept && !wanted.includes("cards") ? kept.usage.range : {};
    const window = from < to ? { between: { from, to } } : windowOf(choices);
    const variables = { ...variablesOf(choices), window, ...parts };
    const coarser = { ...variables, bucket: "AUTO" } as const;
    const points = JSON.stringify([choices.window, choices.timezone, choices.bucket]);
    const { usage } = await ask(OverviewDocument, points === tooMany ? coarser : variables, options).catch((error: unknown) => {
      if (!(error instanceof Refused) || error.code !== "TOO_MANY_POINTS" || points === tooMany) throw error;
      tooMany = points;
      return ask(OverviewDocument, coarser, options);
    });
    const asked = Object.fromEntries(wanted.map((part) => [part, choices]));
    heard = { usage: { ...kept?.usage, ...usage } as Usage, of: { ...kept?.of, ...asked } as Overview["of"], moment };
    recolour(heard);
    return heard;
  };
}

const variablesOf = (choices: Choices) => ({
  timezone: choices.timezone,
  filter: filterOf(choices),
  bucket: ({ auto: "AUTO", hour: "HOUR", day: "DAY" } as const)[choices.bucket],
  by: dimensionOf(choices),
  metric: metricOf(choices),
  kind: kindOf(choices),
});

/** Names that are shown together are told apart before they are drawn. */
function recolour({ usage, of }: Overview): void {
  const shown = { source: usage.sources, agent: usage.agents, model: usage.models, user: usage.users };
  for (const [kind, { groups }] of Object.entries(shown)) {
    const drawn = of.chart.by === kind ? [...usage.series.groups, ...groups] : groups;
    apart(kind, drawn.map((group) => group.key));
  }
}
