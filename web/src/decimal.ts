// Exact decimals, as the API sends them: texts that no number rounds.

/** `1,234.5` from `1234.5`: all of its digits. */
export function grouped(value: string): string {
  const [, sign = "", integer = "0", fraction = ""] = /^(-?)(\d+)(\.\d+)?$/.exec(value) ?? [, "", value];
  return `${sign ? "−" : ""}${integer.replace(/\B(?=(\d{3})+$)/g, ",")}${fraction}`;
}

/** With `places` digits behind the point, `1,234.50`; for reading, not for sums. */
export function rounded(value: string, places: number): string {
  return grouped(Number(value).toFixed(places));
}
