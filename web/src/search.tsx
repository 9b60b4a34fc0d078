// A field that searches while one types: when one pauses, not at every letter.

import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

const PAUSE = 250;
const LONGEST = 200;

type Props = {
  label: string;
  value: string;
  /** `further`: it goes on from a text that was searched for a moment ago, and takes its place in the browser's history. */
  search: (text: string, further: boolean) => void;
};

export function Search({ label, value, search }: Props) {
  const typed = useSignal(value);
  const sent = useRef(value);
  const further = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // At once: an effect that comes later could take a text that was typed meanwhile for an old one.
  useLayoutEffect(() => {
    // What comes back from here is older than what was typed meanwhile.
    if (value === sent.current) return;
    // The address changed under the field: back, a link, another list.
    clearTimeout(timer.current);
    sent.current = typed.value = value;
    further.current = false;
  }, [value]);
  useEffect(() => () => clearTimeout(timer.current), []);
  const now = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() === sent.current) return;
    sent.current = text.trim();
    search(sent.current, further.current);
    further.current = true;
  };
  return (
    <label class="search">
      <span class="unseen">{label}</span>
      <input
        type="search"
        placeholder={label}
        maxLength={LONGEST}
        value={typed.value}
        onInput={(event) => {
          const text = (typed.value = event.currentTarget.value);
          clearTimeout(timer.current);
          timer.current = setTimeout(() => now(text), PAUSE);
        }}
        onKeyDown={(event) => event.key === "Enter" && now(typed.value)}
        onBlur={() => {
          now(typed.value);
          further.current = false;
        }}
      />
    </label>
  );
}
