/*
 * uPlot asks for the browser's language when it is loaded. If the system has none (LANG=C), Chromium answers with one that
 * it does not know itself, `en-US@posix`.
 */
try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en-US' });
}
