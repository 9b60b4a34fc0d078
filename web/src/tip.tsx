// The exact value of what one taps: touch has no pointer that could rest on it.

import { useEffect, useRef } from "preact/hooks";

const EDGE = 8;

export function Tip() {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const tip = place.current!;
    const hide = () => tip.hidePopover();
    const tell = ({ target }: MouseEvent) => {
      hide();
      const found = target instanceof Element ? target.closest<HTMLElement>(".exact, .unknown, time[title]") : null;
      // What leads elsewhere does that.
      if (!found || found.closest("a, button")) return;
      tip.textContent = found.title;
      tip.showPopover();
      const [near, own] = [found.getBoundingClientRect(), tip.getBoundingClientRect()];
      const left = Math.min(near.left, document.documentElement.clientWidth - own.width - EDGE);
      const above = near.top - own.height - EDGE;
      tip.style.left = `${Math.max(EDGE, left)}px`;
      tip.style.top = `${above < EDGE ? near.bottom + EDGE : above}px`;
    };
    const key = (event: KeyboardEvent) => event.key === "Escape" && hide();
    addEventListener("click", tell);
    addEventListener("keydown", key);
    addEventListener("scroll", hide, true);
    return () => {
      removeEventListener("click", tell);
      removeEventListener("keydown", key);
      removeEventListener("scroll", hide, true);
    };
  }, []);
  // Screen readers are told where the value stands.
  return <div ref={place} class="tip" popover="manual" aria-hidden="true" />;
}
