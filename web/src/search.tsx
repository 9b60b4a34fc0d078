// A field that searches while one types: when one pauses, not at every letter.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

const PAUSE = 250;
const LONGEST = 200;

export function Search({ label, value, search }: { label: string; value: string; search: (text: string) => void }) {
  const typed = useSignal(value);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  // The address can change under the field: back, a link, another list.
  useEffect(() => {
    if (typed.peek().trim() !== value) typed.value = value;
    return () => clearTimeout(timer.current);
  }, [value]);
  const now = (text: string) => {
    clearTimeout(timer.current);
    if (text.trim() !== value) search(text.trim());
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
      />
    </label>
  );
}
