/** A colour of the style sheet as it is now, for a light or a dark window. */
export const cssColor = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const classColor = (index: number): string => cssColor(`class-${index % 10}`);

/** Calls `draw` whenever the window changes between light and dark, or is printed. */
export function onThemeChange(draw: () => void): void {
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
}
