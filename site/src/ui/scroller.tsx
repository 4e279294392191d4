import type { ComponentChildren } from 'preact';

/** What scrolls by itself. It takes the focus, or no key would move it where nothing inside does. */
export function Scroller({
  label,
  tall = false,
  children,
}: {
  label: string;
  /** Whether it is cut where it is long, too. */
  tall?: boolean;
  children: ComponentChildren;
}) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
    <section class={tall ? 'scroll tall' : 'scroll'} aria-label={label} tabIndex={0}>
      {children}
    </section>
  );
}
