// What lies below the fold and changes slowly, so that it is not asked at every call that comes.

import { useComputed } from "@preact/signals";
import { state, timezone } from "./address.ts";
import { SLOWLY, useAnswer, type Answer } from "./answer.ts";
import { HealthDocument, type IngestHealthQuery } from "./generated.ts";
import { Ingest } from "./ingest.tsx";
import { Latency } from "./latency.tsx";
import { filterOf, windowOf } from "./state.ts";
import { Unpriced } from "./unpriced.tsx";

export function Health({ ingest }: { ingest: Answer<IngestHealthQuery> }) {
  const variables = useComputed(() => ({
    window: windowOf(state.value),
    timezone: timezone.value,
    filter: filterOf(state.value),
  }));
  const answer = useAnswer(HealthDocument, variables, { every: SLOWLY }).value;
  return (
    <>
      <Latency answer={answer} />
      <div id="health" class="pair">
        <Unpriced answer={answer} />
        <Ingest answer={ingest} />
      </div>
    </>
  );
}
