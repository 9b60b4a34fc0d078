// Numbers as people read them: short ones to compare at a glance, exact ones beside them.

/** A whole number as the API sends it: a text above 2^53 - 1. */
export type Whole = number | string;

const UNITS = ["", "K", "M", "B", "T"];

/** `1.5M`, `45.0K`, `999`. */
export function short(value: Whole): string {
  const number = Number(value);
  const size = Math.abs(number);
  // A number with a fraction is no count; 999.96 is 1.0K.
  if (size < 999.95) return Number.isInteger(number) ? String(number) : number.toFixed(1);
  if (Number.isInteger(number) && size < 1000) return String(number);
  let unit = Math.min(Math.max(1, Math.floor(Math.log10(size) / 3)), UNITS.length - 1);
  // 999,950 is 1000.0K, which is 1.0M.
  if (unit < UNITS.length - 1 && Number((size / 1000 ** unit).toFixed(1)) >= 1000) unit += 1;
  return `${(number / 1000 ** unit).toFixed(1)}${UNITS[unit]}`;
}

/** `1,500,000`, whatever its size. */
export function whole(value: Whole): string {
  return BigInt(value).toLocaleString("en-US");
}

/** `12.5%`; what is more than nothing is not shown as nothing. */
export function percent(share: number): string {
  if (share > 0 && share < 0.001) return "<0.1%";
  return `${(share * 100).toFixed(1)}%`;
}

/** What changed, from a ratio of now to then: `+12.5%`, `×12` where it is many times as much. */
export function change(ratio: number): string {
  if (ratio >= 10) return `×${ratio.toFixed(0)}`;
  const points = (ratio - 1) * 100;
  const text = Math.abs(points).toFixed(1);
  if (text === "0.0") return "±0%";
  return `${points > 0 ? "+" : "−"}${text}%`;
}
