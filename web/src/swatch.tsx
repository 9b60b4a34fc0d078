// The colour of a name, beside it.

export function Swatch({ colour }: { colour: string }) {
  return <span class={`swatch ${colour}`} aria-hidden="true" />;
}
