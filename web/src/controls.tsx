// What time the page is about, by whose clock, and how the page looks.

import { useSignal, type Signal } from "@preact/signals";
import type { TargetedEvent } from "preact";
import { useEffect } from "preact/hooks";
import { show, state, timezone } from "./address.ts";
import { Choice } from "./choice.tsx";
import { PERIODS, type Period } from "./state.ts";
import { dark, turn } from "./theme.ts";
import { instantOf, localOf, minuteOf } from "./time.ts";

type Range = { from: string; to: string };

export function Controls({ range }: { range: Range | undefined }) {
  const { window, numbers } = state.value;
  const custom = useSignal(typeof window !== "string");
  const chosen = custom.value || typeof window !== "string" ? "custom" : window;
  const shown = typeof window === "string" ? window : `${window.from}/${window.to}`;
  // Another time came, by the browser's back for one: the fields are no longer what is chosen.
  useEffect(() => {
    custom.value = false;
  }, [shown]);
  const choose = (value: Period | "custom") => {
    custom.value = value === "custom";
    if (value !== "custom") show({ window: value });
  };
  return (
    <div class="controls" role="group" aria-label="Time">
      <Choice label="Period" options={{ ...PERIODS, custom: "Custom" }} value={chosen} choose={choose} />
      {chosen === "custom" ? <Custom range={range} /> : null}
      <Zone />
      <button type="button" class="theme" aria-pressed={dark.value} onClick={turn}>
        Dark
      </button>
      <button
        type="button"
        aria-pressed={numbers === "exact"}
        onClick={() => show({ numbers: numbers === "exact" ? "short" : "exact" })}
      >
        Exact numbers
      </button>
      <p class="range">
        {range ? `${minuteOf(range.from, timezone.value)} – ${minuteOf(range.to, timezone.value)}` : "\u00a0"}
      </p>
    </div>
  );
}

function Custom({ range }: { range: Range | undefined }) {
  const zone = timezone.value;
  const from = useSignal("");
  const to = useSignal("");
  const wrong = useSignal("");
  const { window } = state.value;
  const fixed = typeof window === "string" ? undefined : window;
  // What is shown, to begin with; a time that moves on does not move what somebody is typing.
  const start = fixed ?? (from.value ? undefined : range);
  useEffect(() => {
    if (!start) return;
    from.value = localOf(start.from, zone);
    to.value = localOf(start.to, zone);
  }, [start?.from, start?.to, zone]);
  const typing = (field: Signal<string>) => (event: TargetedEvent<HTMLInputElement>) => {
    field.value = event.currentTarget.value;
    wrong.value = "";
  };
  const set = (event: Event) => {
    event.preventDefault();
    const [first, last] = [instantOf(from.value, zone), instantOf(to.value, zone)];
    if (!first || !last) wrong.value = "Say both when it begins and when it ends.";
    else if (first >= last) wrong.value = "It has to end after it begins.";
    else {
      wrong.value = "";
      show({ window: { from: first, to: last } });
    }
  };
  return (
    <form class="custom" onSubmit={set}>
      <label>
        From <input type="datetime-local" value={from.value} onInput={typing(from)} />
      </label>
      <label>
        to <input type="datetime-local" value={to.value} onInput={typing(to)} />
      </label>
      <button>Show</button>
      {wrong.value ? (
        <span class="problem" role="alert">
          {wrong.value}
        </span>
      ) : null}
    </form>
  );
}

const ZONES = [...new Set(["UTC", ...Intl.supportedValuesOf("timeZone")])];

function Zone() {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const { timezone: chosen } = state.value;
  return (
    <label class="select">
      <span>Time zone</span>
      <select value={chosen} onChange={(event) => show({ timezone: event.currentTarget.value })}>
        <option value="">{own.replaceAll("_", " ")} (here)</option>
        {ZONES.map((zone) => (
          <option key={zone} value={zone}>
            {zone.replaceAll("_", " ")}
          </option>
        ))}
        {chosen && !ZONES.includes(chosen) ? <option value={chosen}>{chosen}</option> : null}
      </select>
    </label>
  );
}
