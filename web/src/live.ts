// Hears from the server when calls came. A WebSocket, since browsers allow a page only six requests that stay open, all
// of its tabs together.

import { effect, signal } from "@preact/signals";
import { state, timezone } from "./address.ts";
import { API } from "./ask.ts";
import { ChangesDocument } from "./generated.ts";
import { headers, key, refused } from "./key.ts";
import { filterOf, windowOf } from "./state.ts";

/** How often something came that the page may show. */
export const changes = signal(0);
export const listening = signal(false);

const SOONEST = 1000;
const LATEST = 30_000;

/** Listens for as long as the page is open; what it listens for follows what is shown. */
export function listen(): void {
  let hangUp: (() => void) | undefined;
  let lasting = "";
  effect(() => {
    const { project } = state.value;
    const variables = { window: windowOf(state.value), timezone: timezone.value, filter: filterOf(state.value) };
    const wanted = JSON.stringify([variables, project, key.value, refused.value !== ""]);
    if (wanted === lasting) return;
    lasting = wanted;
    hangUp?.();
    hangUp = refused.value ? undefined : connect(variables, headers(project));
  });
}

function connect(variables: object, connection: Record<string, string>): () => void {
  const where = new URL(API);
  where.protocol = where.protocol.replace("http", "ws");
  let socket: WebSocket | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let pause = SOONEST;
  let missed = false;
  let over = false;

  const open = () => {
    const line = (socket = new WebSocket(where, "graphql-transport-ws"));
    const send = (message: object) => line.send(JSON.stringify(message));
    let told = false;
    line.onopen = () => (over ? line.close(1000) : send({ type: "connection_init", payload: connection }));
    line.onmessage = ({ data }) => {
      if (over) return;
      const message = JSON.parse(String(data)) as { type: string };
      if (message.type === "ping") send({ type: "pong" });
      if (message.type === "connection_ack") {
        send({ type: "subscribe", id: "1", payload: { query: ChangesDocument.toString(), variables } });
      }
      if (message.type !== "next") return;
      pause = SOONEST;
      listening.value = true;
      // The first one tells how it is, which the page has asked for itself; but not after a gap.
      if (told || missed) changes.value += 1;
      told = true;
      missed = false;
    };
    line.onclose = () => {
      if (over) return;
      listening.value = false;
      missed = true;
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LATEST);
    };
  };
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    listening.value = false;
    // One that is not open yet is closed when it is: browsers complain of what never was.
    if (socket?.readyState === WebSocket.OPEN) socket.close(1000);
  };
}
