// Where the server wants a key: asks for one, and says where it stays.

import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { show, state } from "./address.ts";
import { tryAgain, type Refused } from "./ask.ts";
import { enter, key, refused } from "./key.ts";

/** Whether somebody wants to come in otherwise, though nobody is refused. */
const wanted = signal(false);

export function Door() {
  if (refused.value) return <Entry why={refused.value} />;
  return wanted.value ? <Entry why={undefined} /> : null;
}

export function DoorBell() {
  return (
    <button type="button" aria-expanded={wanted.value} onClick={() => (wanted.value = !wanted.value)}>
      Key<span class="unseen"> and project</span>
    </button>
  );
}

/** What is the matter: no key, one that is not good, or one that is good for something else. */
function titleOf(why: Refused | undefined, keyed: boolean): string {
  if (!why) return "Another key or project";
  if (why.code === "FORBIDDEN") return "This key does not open this page";
  return keyed ? "The server does not know this key" : "This server wants a key";
}

function Entry({ why }: { why: Refused | undefined }) {
  const typed = useSignal(why ? "" : key.value);
  const project = useSignal(state.value.project);
  const asking = useSignal(false);
  const field = useRef<HTMLInputElement>(null);
  // It can come while one is far down the page.
  useEffect(() => field.current?.focus(), []);
  useEffect(() => {
    asking.value = false;
  }, [why]);
  // Of the key that was refused, not of the one that is tried.
  const keyed = useRef(false);
  if (!asking.value) keyed.current = key.value !== "";
  const open = (event: Event) => {
    event.preventDefault();
    const entered = typed.value.trim();
    wanted.value = false;
    asking.value = true;
    if (entered === key.value && project.value.trim() === state.value.project) return tryAgain();
    show({ project: project.value.trim() });
    enter(entered);
  };
  return (
    <form class="door panel" onSubmit={open}>
      <h2>{titleOf(why, keyed.current)}</h2>
      <p class="problem" role="alert">
        {why && keyed.current && !asking.value ? why.message : ""}
      </p>
      <label>
        Key
        <input
          ref={field}
          type="password"
          autocomplete="off"
          required={why !== undefined}
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
