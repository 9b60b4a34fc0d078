// What the page is narrowed by, each with a way out, and a field that narrows it further.

import { useComputed, useSignal } from "@preact/signals";
import { useId, useRef } from "preact/hooks";
import { show, state, timezone } from "./address.ts";
import { useAnswer } from "./answer.ts";
import { FilterValuesDocument, type UsageDimension } from "./generated.ts";
import { short } from "./number.ts";
import { NARROWED, windowOf, type Narrowed } from "./state.ts";

const NAMES = Object.fromEntries(NARROWED.map((name) => [name, name[0]!.toUpperCase() + name.slice(1)]));

export function Narrowing() {
  const { filter } = state.value;
  const entries = Object.entries(filter) as [Narrowed, string][];
  const without = (name: Narrowed) => Object.fromEntries(entries.filter(([other]) => other !== name));
  return (
    <div class="narrowing" role="group" aria-label="Only calls of">
      <Field />
      {entries.map(([name, value]) => (
        <button
          key={name}
          type="button"
          onClick={() => show({ filter: without(name) })}
          aria-label={`Remove ${name}: ${value || "none"}`}
        >
          <span class="kind">{name}</span> {value || "none"} <span aria-hidden="true">×</span>
        </button>
      ))}
      {entries.length > 1 ? (
        <button type="button" onClick={() => show({ filter: {} })}>
          Show all
        </button>
      ) : null}
    </div>
  );
}

const PAUSE = 250;

/** A value of a dimension; what there is with the letters that were typed is offered. */
function Field() {
  const list = useId();
  const by = useSignal<Narrowed>("agent");
  const typed = useSignal("");
  /** What is asked for: what was typed, when one pauses. */
  const prefix = useSignal("");
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const open = useSignal(false);
  const variables = useComputed(() =>
    open.value
      ? {
          window: windowOf(state.value),
          timezone: timezone.value,
          dimension: by.value.toUpperCase() as UsageDimension,
          prefix: prefix.value || null,
        }
      : null,
  );
  const { data } = useAnswer(FilterValuesDocument, variables, { live: false }).value;
  const values = data?.usage.dimensionValues ?? [];
  const narrow = () => {
    const value = typed.value.trim();
    if (!value) return;
    clearTimeout(timer.current);
    typed.value = prefix.value = "";
    show({ filter: { ...state.value.filter, [by.value]: value } });
  };
  return (
    <form
      class="field"
      onSubmit={(event) => {
        event.preventDefault();
        narrow();
      }}
    >
      <select aria-label="Narrow by" value={by.value} onChange={(event) => (by.value = event.currentTarget.value as Narrowed)}>
        {NARROWED.map((name) => (
          <option key={name} value={name}>
            {NAMES[name]}
          </option>
        ))}
      </select>
      <input
        aria-label={`Only calls of this ${by.value}`}
        placeholder={`All ${by.value}s`}
        list={list}
        value={typed.value}
        onFocus={() => (open.value = true)}
        onBlur={() => (open.value = false)}
        onInput={(event) => {
          typed.value = event.currentTarget.value;
          clearTimeout(timer.current);
          timer.current = setTimeout(() => (prefix.value = typed.peek()), PAUSE);
          // A value that was chosen from the list comes whole, without a key being pressed.
          if (!(event instanceof InputEvent) || event.inputType === "insertReplacementText") narrow();
        }}
      />
      <datalist id={list}>
        {values.map(({ value, calls }) => (
          <option key={value} value={value}>{`${short(calls)} calls`}</option>
        ))}
      </datalist>
    </form>
  );
}
