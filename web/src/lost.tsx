// A line that tells of usage that came lately and is in no sum, since nobody looks for that far down the page.

import type { Answer } from "./answer.ts";
import { now } from "./clock.ts";
import type { IngestHealthQuery } from "./generated.ts";
import { whole } from "./number.ts";
import { When } from "./when.tsx";

const LATELY = 86_400_000;

type Found = { count: string | number; lastSeen: string };

export function Lost({ answer: { data } }: { answer: Answer<IngestHealthQuery> }) {
  const sent = data?.ingestHealth;
  const lately = (found: Found[] = []) => found.filter(({ lastSeen }) => now.value - Date.parse(lastSeen) < LATELY);
  const unrecognised = lately(sent?.unrecognisedBy);
  const rejected = lately(sent?.rejectedBy);
  const last = [...unrecognised, ...rejected].map(({ lastSeen }) => lastSeen).sort().at(-1);
  if (!last) return null;
  const parts = [
    said(unrecognised, "span with token counts was not recognised", "spans with token counts were not recognised"),
    said(rejected, "span was rejected", "spans were rejected"),
  ];
  return (
    <p class="warning lost">
      {parts.filter(Boolean).join(", ")}, last <When instant={last} />: <a href="#health">What was sent</a> says what to do.
    </p>
  );
}

function said(found: Found[], one: string, more: string): string {
  const count = found.reduce((sum, { count }) => sum + BigInt(count), 0n);
  return count ? `${whole(String(count))} ${count === 1n ? one : more}` : "";
}
