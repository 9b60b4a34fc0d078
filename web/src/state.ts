// What the page shows, as it stands in its address: whoever opens the address sees the same.

import type { ConsumerKind, UsageDimension, UsageFilter, UsageMetric, WindowInput } from "./generated.ts";
import { CONVERSATION_ORDERS, RECORD_ORDERS } from "./order.ts";

/** What calls can be narrowed by, and the parameter of each in the address. */
export const NARROWED = ["source", "agent", "model", "name", "conversation", "user", "channel"] as const;
export type Narrowed = (typeof NARROWED)[number];

export const PERIODS = { "24h": "24 hours", "7d": "7 days", "30d": "30 days", month: "This month" } as const;
export type Period = keyof typeof PERIODS;

export const BUCKETS = { auto: "Auto", hour: "Hourly", day: "Daily" } as const;
export const METRICS = { cost: "Cost", tokens: "Tokens", calls: "Calls", credits: "Credits" } as const;
export const SPLITS = { source: "Source", agent: "Agent", model: "Model" } as const;
export const CHARTS = { bars: "Bars", lines: "Lines" } as const;
export const COMPARED = { none: "Nothing", preceding: "Previous period" } as const;
export const SHAPES = { donut: "Donut", bars: "Bars" } as const;
export const KINDS = {
  item: "Conversations and agents",
  agent: "Agents",
  conversation: "Conversations",
  user: "Users",
  model: "Models",
} as const;
export const NUMBERS = { short: "Short", exact: "Exact" } as const;

export type Range = { from: string; to: string };

export type State = {
  /** A period up to now, or from one instant to another. */
  window: Period | Range;
  /** Empty: the browser's. */
  timezone: string;
  bucket: keyof typeof BUCKETS;
  metric: keyof typeof METRICS;
  by: keyof typeof SPLITS;
  chart: keyof typeof CHARTS;
  /** What the chart is compared with. */
  compare: keyof typeof COMPARED;
  /** What shares are drawn as. */
  shares: keyof typeof SHAPES;
  kind: keyof typeof KINDS;
  /** Of these values each; the empty text stands for calls without a value. */
  filter: Partial<Record<Narrowed, string>>;
  /** Names of the chart that alone are shown; empty: all. */
  only: string[];
  search: string;
  /** The source of the calls in the table alone; empty: all. */
  from: string;
  order: keyof typeof RECORD_ORDERS;
  /** The page of the table of calls, and the cursor that leads to it. */
  page: number;
  cursor: string;
  /** The call whose details are shown; empty: none. */
  record: string;
  talk: string;
  talkOrder: keyof typeof CONVERSATION_ORDERS;
  talkPage: number;
  talkCursor: string;
  /** The conversation whose details are shown; empty: none. */
  about: string;
  /** Whether numbers are shortened. */
  numbers: keyof typeof NUMBERS;
  /** Empty: the key's own, or `default`. */
  project: string;
};

export const INITIAL: State = {
  window: "7d",
  timezone: "",
  bucket: "auto",
  metric: "cost",
  by: "source",
  chart: "bars",
  compare: "none",
  shares: "donut",
  kind: "item",
  filter: {},
  only: [],
  search: "",
  from: "",
  order: "time",
  page: 1,
  cursor: "",
  record: "",
  talk: "",
  talkOrder: "active",
  talkPage: 1,
  talkCursor: "",
  about: "",
  numbers: "short",
  project: "",
};

const CHOICES = {
  bucket: BUCKETS,
  metric: METRICS,
  by: SPLITS,
  chart: CHARTS,
  compare: COMPARED,
  shares: SHAPES,
  kind: KINDS,
  order: RECORD_ORDERS,
  talkOrder: CONVERSATION_ORDERS,
  numbers: NUMBERS,
} as const;
const TEXTS = ["timezone", "search", "from", "cursor", "record", "talk", "talkCursor", "about", "project"] as const;
/** A page, and the cursor that leads to it: there is none without the other. */
const PAGES = { page: "cursor", talkPage: "talkCursor" } as const;

/** What is chosen for longer than one visit. */
export const REMEMBERED = [
  "window",
  "timezone",
  "bucket",
  "metric",
  "by",
  "chart",
  "compare",
  "shares",
  "kind",
  "numbers",
  "project",
] as const;

/**
 * The state that an address tells of. One that names a time was written by the page, and is the same for everybody: what
 * it does not say is as usual. What another one does not say is as in `chosen`, and so is what either says wrongly.
 */
export function parse(address: string, chosen: State = INITIAL): State {
  const said = new URLSearchParams(address);
  const otherwise = said.has("window") ? INITIAL : chosen;
  const state: Record<string, unknown> = { ...otherwise };
  const window = said.get("window");
  if (window !== null) state["window"] = parseWindow(window) ?? otherwise.window;
  for (const [name, choices] of Object.entries(CHOICES)) {
    const value = said.get(name);
    if (value !== null && Object.hasOwn(choices, value)) state[name] = value;
  }
  for (const name of TEXTS) state[name] = said.get(name) ?? otherwise[name];
  if (!isZone(String(state["timezone"]))) state["timezone"] = otherwise.timezone;
  for (const [name, cursor] of Object.entries(PAGES)) {
    const page = Number.parseInt(said.get(name) ?? "1", 10);
    const known = page > 1 && Number.isSafeInteger(page) && state[cursor] !== "";
    state[name] = known ? page : 1;
    if (!known) state[cursor] = "";
  }
  state["filter"] = Object.fromEntries(NARROWED.filter((name) => said.has(name)).map((name) => [name, said.get(name)]));
  state["only"] = said.getAll("only");
  return state as State;
}

/** The query of the address of a state: what is as usual is left out, so that addresses stay readable. */
export function serialise(state: State): string {
  const said = new URLSearchParams();
  const { window } = state;
  said.set("window", typeof window === "string" ? window : `${window.from}/${window.to}`);
  for (const name of [...Object.keys(CHOICES), ...TEXTS, ...Object.keys(PAGES)] as (keyof State)[]) {
    if (state[name] !== INITIAL[name]) said.set(name, String(state[name]));
  }
  for (const name of NARROWED) if (state.filter[name] !== undefined) said.set(name, state.filter[name]);
  for (const name of state.only) said.append("only", name);
  return said.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
}

/** Whether the browser knows the time zone; the empty one is its own. */
function isZone(name: string): boolean {
  try {
    return name === "" || Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

function parseWindow(text: string): Period | Range | undefined {
  if (Object.hasOwn(PERIODS, text)) return text as Period;
  const [from = "", to = ""] = text.split("/");
  return isInstant(from) && isInstant(to) && Date.parse(from) < Date.parse(to) ? { from, to } : undefined;
}

/** Whether the server reads it as browsers do, for whom 30 February is in March; in years that clocks show with four digits. */
function isInstant(text: string): boolean {
  const [, year, month, day] = /^(19[7-9]\d|2\d{3})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.exec(text) ?? [];
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return date.getUTCDate() === Number(day) && !Number.isNaN(Date.parse(text));
}

export function windowOf({ window }: Pick<State, "window">): WindowInput {
  if (typeof window !== "string") return { between: window };
  if (window === "month") return { period: "THIS_MONTH" };
  return { last: { "24h": "PT24H", "7d": "P7D", "30d": "P30D" }[window] };
}

/** The filter of everything on the page; `undefined` where there is none. */
export function filterOf({ filter }: Pick<State, "filter">): UsageFilter | undefined {
  const found = Object.entries(filter).map(([name, value]) => [name, value === "" ? { isNull: true } : { eq: value }]);
  return found.length ? Object.fromEntries(found) : undefined;
}

export const dimensionOf = (state: Pick<State, "by">) => state.by.toUpperCase() as UsageDimension;
export const metricOf = (state: Pick<State, "metric">) => state.metric.toUpperCase() as UsageMetric;
export const kindOf = (state: Pick<State, "kind">) => state.kind.toUpperCase() as ConsumerKind;
