// Nothing came yet: how to send the first call.

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { state } from "./address.ts";
import { API } from "./ask.ts";
import { Choice } from "./choice.tsx";
import { key } from "./key.ts";
import { WAYS, steps, type Way } from "./ways.ts";

export function Empty() {
  const way = useSignal<Way>("curl");
  const copied = useSignal("");
  const { project } = state.value;
  const keyed = key.value !== "";
  const server = new URL(".", API).href.slice(0, -1);
  const text = useMemo(() => steps(way.value, { server, project, keyed }), [way.value, server, project, keyed]);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      copied.value = "Copied.";
    } catch {
      copied.value = "The browser does not let it be copied; mark it and copy it by hand.";
    }
  };
  return (
    <section class="panel empty wide" aria-labelledby="empty">
      <h2 id="empty">No calls yet: send the first one</h2>
      <p>This page shows it as soon as it is there. Anything that speaks OpenTelemetry (OTLP) can send to this address.</p>
      <Choice
        label="From"
        options={WAYS}
        value={way.value}
        choose={(chosen) => {
          way.value = chosen;
          copied.value = "";
        }}
      />
      <pre tabIndex={0}>
        <code>{text}</code>
      </pre>
      <p>
        <button type="button" onClick={copy}>
          Copy
        </button>{" "}
        <span role="status">{copied.value}</span>
      </p>
      <p class="note">
        {keyed ? (
          <>
            <code>KEY</code> stands for one that may send: <code>usage-graph keys create --scope ingest</code>.{" "}
          </>
        ) : null}
        More libraries are in <code>docs/instrumentation.md</code>; usage that was written down before comes in by <code>usage-graph import</code>.
      </p>
    </section>
  );
}
