// One of a few, side by side.

import { useId } from "preact/hooks";

type Props<Key extends string> = {
  label: string;
  options: Readonly<Record<Key, string>>;
  value: string;
  choose: (value: Key) => void;
};

export function Choice<Key extends string>({ label, options, value, choose }: Props<Key>) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {(Object.keys(options) as Key[]).map((key) => (
        <label key={key}>
          <input type="radio" name={name} value={key} checked={key === value} onChange={() => choose(key)} />
          <span>{options[key]}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Select<Key extends string>({ label, options, value, choose }: Props<Key>) {
  return (
    <label class="select">
      <span>{label}</span>
      <select value={value} onChange={(event) => choose(event.currentTarget.value as Key)}>
        {(Object.keys(options) as Key[]).map((key) => (
          <option key={key} value={key}>
            {options[key]}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Something that is shown or not. */
export function Toggle({ label, on, turn }: { label: string; on: boolean; turn: (on: boolean) => void }) {
  return (
    <span class="choice">
      <label>
        <input type="checkbox" checked={on} onChange={(event) => turn(event.currentTarget.checked)} />
        <span>{label}</span>
      </label>
    </span>
  );
}
