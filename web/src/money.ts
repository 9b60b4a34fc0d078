// Money in USD: two places at a glance, `<$0.01` for what would look like nothing.

import { grouped, rounded } from "./decimal.ts";
import { short } from "./number.ts";

export function money(cost: string): string {
  const value = Number(cost);
  if (value > 0 && value < 0.01) return "<$0.01";
  if (value < 0) return `−${money(cost.slice(1))}`;
  return `$${rounded(cost, 2)}`;
}

/** All digits: `$0.0003401`. */
export function exactMoney(cost: string): string {
  return cost.startsWith("-") ? `−$${grouped(cost.slice(1))}` : `$${grouped(cost)}`;
}

/** For the scale of a chart, where thousands are enough. */
export function scaleMoney(value: number): string {
  if (value >= 1000) return `$${short(value)}`;
  const digits = value === 0 || value >= 10 ? 0 : value >= 0.1 ? 2 : Math.min(9, Math.ceil(-Math.log10(value)) + 1);
  return `$${value.toFixed(digits)}`;
}
