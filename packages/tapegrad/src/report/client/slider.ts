import type { Frame } from './types.ts';

/** A range input that chooses which of several images is shown. */
export function slider(element: HTMLElement, frames: readonly Frame[]): void {
  const input = element.querySelector('input');
  if (!input) return; // one epoch
  const image = element.querySelector('img')!;
  const output = element.querySelector('output')!;
  const show = () => {
    const frame = frames[Number(input.value)]!;
    image.src = frame.source;
    image.alt = frame.alt;
    output.textContent = frame.label;
    input.setAttribute('aria-valuetext', frame.label);
  };
  input.addEventListener('input', show);
  show();
}
