// An instant as a person would say it, with the exact one at hand.

import { state, timezone } from "./address.ts";
import { now } from "./clock.ts";
import { ago, exactTime, minuteOf } from "./time.ts";

/** Milliseconds until a time that one chose up to now is another one than now. */
const OVER = 3_600_000;

/** Of a time that is over one wants to know when in it, not how long ago. */
function past(instant: string): boolean {
  const { window } = state.value;
  if (typeof window === "string" || now.value - Date.parse(window.to) < OVER) return false;
  return Date.parse(instant) >= Date.parse(window.from) && Date.parse(instant) < Date.parse(window.to);
}

export function When({ instant }: { instant: string }) {
  const exact = exactTime(instant, timezone.value);
  if (state.value.numbers === "exact") return <time dateTime={instant}>{exact}</time>;
  return (
    // Of its own: a title that was taken away would stay, empty.
    <time key="ago" dateTime={instant} title={exact}>
      {past(instant) ? minuteOf(instant, timezone.value) : ago(instant, now.value)}
      <span class="unseen">, {exact}</span>
    </time>
  );
}
