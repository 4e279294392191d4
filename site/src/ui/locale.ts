/*
 * uPlot asks for the browser's language when it is loaded. Chromium names one that it does not know itself where the
 * system has none (LANG=C: `en-US@posix`).
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' });
}

export {};
