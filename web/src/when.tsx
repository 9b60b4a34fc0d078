// An instant as a person would say it, with the exact one at hand.

import { timezone } from "./address.ts";
import { now } from "./clock.ts";
import { ago, exactTime } from "./time.ts";

export function When({ instant }: { instant: string }) {
  const exact = exactTime(instant, timezone.value);
  return (
    <time dateTime={instant} title={exact}>
      {ago(instant, now.value)}
      <span class="unseen">, {exact}</span>
    </time>
  );
}
