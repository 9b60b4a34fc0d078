// The whole page.

import { Each } from "./agents.tsx";
import { show, state } from "./address.ts";
import { Cards } from "./cards.tsx";
import { Consumers } from "./consumers.tsx";
import { Controls } from "./controls.tsx";
import { ConversationDetail } from "./conversation.tsx";
import { Conversations } from "./conversations.tsx";
import { Door, DoorBell } from "./door.tsx";
import { Empty } from "./empty.tsx";
import { Health } from "./health.tsx";
import { useIngest } from "./ingest.tsx";
import { refused } from "./key.ts";
import { listening } from "./live.ts";
import { Lost } from "./lost.tsx";
import { Narrowing } from "./narrowing.tsx";
import { useOverview } from "./overview.ts";
import { Problem } from "./panel.tsx";
import { usePreceding } from "./preceding.ts";
import { RecordDetail } from "./record.tsx";
import { Records } from "./records.tsx";
import { SeriesPanel } from "./series.tsx";
import { AllShares } from "./shares.tsx";
import { Tip } from "./tip.tsx";
import { When } from "./when.tsx";

export function App() {
  const { answer, stale } = useOverview();
  const preceding = usePreceding(answer);
  const ingest = useIngest();
  const { data, error, stale: old } = answer.value;
  const usage = data?.usage;
  const nothing = usage && Number(usage.totals.calls) === 0;
  const narrowed = Object.keys(state.value.filter).length > 0;
  // Nothing to show but how to begin, and what became of what was sent, in case that was something.
  const fresh = nothing && !narrowed && !usage.freshness.dataThrough;
  return (
    <>
      <a class="skip" href="#main">
        To the numbers
      </a>
      <header class="top">
        <h1>Usage</h1>
        <span class={`live ${listening.value ? "on" : ""}`} role="status">
          {listening.value ? "live" : "not live"}
        </span>
        <nav aria-label="Elsewhere">
          <a href="graphql">GraphiQL</a>
        </nav>
        <DoorBell />
        <Controls range={usage?.range} />
      </header>
      <main id="main" data-old={old && error !== undefined}>
        <div class="below">
          <Narrowing />
          <Lost answer={ingest} />
        </div>
        <Door />
        {error && !refused.value ? <Problem error={error} /> : null}
        {refused.value && !usage ? null : (
          <>
            <Cards usage={usage} />
            {fresh ? <Empty /> : null}
            {nothing && !fresh ? <Nothing last={usage.freshness.dataThrough} narrowed={narrowed} /> : null}
            {fresh ? null : (
              <>
                <SeriesPanel shown={data} preceding={preceding} stale={stale("chart")} />
                <AllShares shown={data} stale={stale("shares")} />
                <Consumers shown={data} stale={stale("consumers")} />
                <Each shown={data} stale={stale("chart")} />
                <Conversations />
                <Records />
              </>
            )}
            <Health ingest={ingest} />
          </>
        )}
      </main>
      <RecordDetail />
      <ConversationDetail />
      <Tip />
    </>
  );
}

function Nothing({ last, narrowed }: { last: string | null; narrowed: boolean }) {
  return (
    <p class="none-here">
      No calls {narrowed ? "like these " : ""}in this time.{" "}
      {last ? (
        <>
          The last call of all was <When instant={last} />.{" "}
        </>
      ) : null}
      {narrowed ? (
        <button type="button" class="link" onClick={() => show({ filter: {} })}>
          Show all calls
        </button>
      ) : null}
    </p>
  );
}
