import { useEffect, useState } from 'preact/hooks';

/** A colour as the style sheet has it now: it knows whether the window is light or dark. */
export const cssColor = (name: string): string =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const classColor = (index: number): string => cssColor(`class-${index % 10}`);

/** Counts the changes between light and dark, so that what is drawn by hand is drawn again. */
export function useTheme(): number {
  const [count, setCount] = useState(0);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setCount((n) => n + 1);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  return count;
}
