// An instant as a person would say it, with the exact one at hand.

import { state, timezone } from "./address.ts";
import { now } from "./clock.ts";
import { ago, exactTime } from "./time.ts";

export function When({ instant }: { instant: string }) {
  const exact = exactTime(instant, timezone.value);
  if (state.value.numbers === "exact") return <time dateTime={instant}>{exact}</time>;
  return (
    <time dateTime={instant} title={exact}>
      {ago(instant, now.value)}
      <span class="unseen">, {exact}</span>
    </time>
  );
}
