// An amount by one of the page's metrics.

import { grouped } from "./decimal.ts";
import { Exact, Unknown } from "./exact.tsx";
import { exactMoney, money, scaleMoney } from "./money.ts";
import { short, whole, type Whole } from "./number.ts";
import { METRICS } from "./state.ts";

export type Metric = keyof typeof METRICS;
export type Amounts = { cost: string | null; totalTokens: Whole; calls: Whole; credits: string };

/** The amount as it is sent; null where it is unknown. */
export function amount(totals: Amounts, metric: Metric): Whole | null {
  return { cost: totals.cost, tokens: totals.totalTokens, calls: totals.calls, credits: totals.credits }[metric];
}

/** For the height of a bar: what is unknown has none. */
export const height = (totals: Amounts, metric: Metric): number => Number(amount(totals, metric) ?? 0);

export function shortAmount(value: Whole, metric: Metric): string {
  return metric === "cost" ? money(String(value)) : short(value);
}

export function exactAmount(value: Whole | null, metric: Metric): string {
  if (value === null) return "unknown";
  if (metric === "cost") return exactMoney(String(value));
  return metric === "credits" ? grouped(String(value)) : whole(value);
}

export function onScale(value: number, metric: Metric): string {
  return metric === "cost" ? scaleMoney(value) : short(Number(value.toPrecision(6)));
}

export function Amount({ totals, metric }: { totals: Amounts; metric: Metric }) {
  const value = amount(totals, metric);
  if (value === null) return <Unknown why="no price is known" />;
  return <Exact short={shortAmount(value, metric)} exact={exactAmount(value, metric)} />;
}
