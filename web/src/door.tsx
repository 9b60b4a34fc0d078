// Where the server wants a key: asks for one, and says where it stays.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { show, state } from "./address.ts";
import { tryAgain } from "./ask.ts";
import { enter, key, refused } from "./key.ts";

export function Door() {
  return refused.value ? <Entry why={refused.value.message} /> : null;
}

function Entry({ why }: { why: string }) {
  const typed = useSignal("");
  const project = useSignal(state.value.project);
  const asking = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  // It can come while one is far down the page.
  useEffect(() => field.current?.focus(), []);
  const now = refused.value;
  useEffect(() => {
    asking.value = false;
  }, [now]);
  const open = (event: Event) => {
    event.preventDefault();
    const entered = typed.value.trim();
    asking.value = true;
    if (entered === key.value && project.value.trim() === state.value.project) return tryAgain();
    show({ project: project.value.trim() });
    enter(entered);
  };
  return (
    <form class="door panel" onSubmit={open}>
      <h2>This server wants a key</h2>
      <p class="problem" role="alert">
        {asking.value ? "" : key.value ? why : ""}
      </p>
      <label>
        Key
        <input
          ref={field}
          type="password"
          autocomplete="off"
          required
          value={typed.value}
          onInput={(event) => (typed.value = event.currentTarget.value)}
        />
      </label>
      <label>
        Project <small>(only with a key for all of them)</small>
        <input value={project.value} onInput={(event) => (project.value = event.currentTarget.value)} />
      </label>
      <button aria-disabled={asking.value}>{asking.value ? "Opening…" : "Open"}</button>
      <p class="note">
        It stays in this tab until you close it. Whoever runs the server makes one: <code>usage-graph keys create --scope read</code>
      </p>
    </form>
  );
}
