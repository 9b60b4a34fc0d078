// Where the server wants a key: asks for one, and says where it stays.

import { useSignal } from "@preact/signals";
import { show, state } from "./address.ts";
import { enter, key, refused } from "./key.ts";

export function Door() {
  const typed = useSignal("");
  const project = useSignal(state.value.project);
  if (!refused.value) return null;
  return (
    <form
      class="door panel"
      onSubmit={(event) => {
        event.preventDefault();
        show({ project: project.value.trim() });
        enter(typed.value);
      }}
    >
      <h2>This server wants a key</h2>
      {key.value ? (
        <p class="problem" role="alert">
          {refused.value}
        </p>
      ) : null}
      <label>
        Key
        <input
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
      <button>Open</button>
      <p class="note">
        It stays in this tab until you close it. Whoever runs the server makes one: <code>usage-graph keys create --scope read</code>
      </p>
    </form>
  );
}
