// What time it is, as often as it makes a difference to "a minute ago".

import { signal } from "@preact/signals";

export const now = signal(Date.now());
setInterval(() => (now.value = Date.now()), 15_000);
