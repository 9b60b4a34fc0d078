// A short value with the exact one at hand: shown where one points at it or taps it, in its place where somebody wants
// exact numbers, and what screen readers say.

import { state } from "./address.ts";

export function Exact({ short, exact }: { short: string; exact: string }) {
  if (short === exact || state.value.numbers === "exact") return <span class="number">{exact}</span>;
  return (
    <span class="number exact" title={exact}>
      <span aria-hidden="true">{short}</span>
      <span class="unseen">{exact}</span>
    </span>
  );
}

/** What is not known, in a word for those who do not see the dash. */
export function Unknown({ why = "unknown" }: { why?: string }) {
  return (
    <span class="number unknown" title={why}>
      <span aria-hidden="true">–</span>
      <span class="unseen">{why}</span>
    </span>
  );
}
