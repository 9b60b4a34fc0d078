// Hears from the server when calls came. A WebSocket, since browsers allow a page only six requests that stay open, all
// of its tabs together.

import { effect, signal } from "@preact/signals";
import { state, timezone } from "./address.ts";
import { API, tryAgain } from "./ask.ts";
import { ChangesDocument } from "./generated.ts";
import { headers, key, refused } from "./key.ts";
import { filterOf, windowOf } from "./state.ts";

/** How often something came that the page may show. */
export const changes = signal(0);
export const listening = signal(false);

const SOONEST = 1000;
const LATEST = 30_000;
/** How the server ends a line whose key it no longer takes, or not for this. */
const KEYS_MATTER = new Set([4401, 4403]);

/** Listens for as long as the page is open; what it listens for follows what is shown. */
export function listen(): void {
  let hangUp: (() => void) | undefined;
  let lasting = "";
  effect(() => {
    const { project } = state.value;
    const variables = { window: windowOf(state.value), timezone: timezone.value, filter: filterOf(state.value) };
    const wanted = JSON.stringify([variables, project, key.value, refused.value !== undefined]);
    if (wanted === lasting) return;
    lasting = wanted;
    hangUp?.();
    hangUp = refused.value ? undefined : connect(variables, headers(project));
    if (refused.value) listening.value = false;
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
      // Refused, or at an end: it is asked again as where the line is cut.
      if (message.type === "error" || message.type === "complete") line.close(1000);
      if (message.type !== "next") return;
      pause = SOONEST;
      listening.value = true;
      // The first one tells how it is, which the page has asked for itself; but not after a gap.
      if (told || missed) changes.value += 1;
      if (missed) tryAgain();
      told = true;
      missed = false;
    };
    line.onclose = ({ code }) => {
      if (over) return;
      listening.value = false;
      // The key was good and is no longer: the page asks, and is told why.
      if (told && KEYS_MATTER.has(code)) changes.value += 1;
      missed = true;
      timer = setTimeout(open, pause);
      pause = Math.min(pause * 2, LATEST);
    };
  };
  const now = () => {
    if (socket?.readyState !== WebSocket.CLOSED) return;
    clearTimeout(timer);
    open();
  };
  // The browser knows before the pause is over.
  addEventListener("online", now);
  open();
  return () => {
    over = true;
    clearTimeout(timer);
    removeEventListener("online", now);
    // One that is not open yet is closed when it is: browsers complain of what never was.
    if (socket?.readyState === WebSocket.OPEN) socket.close(1000);
  };
}
