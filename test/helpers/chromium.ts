import type { Page } from 'puppeteer-core';

/** Runs `use` with a page of a headless Chromium, and returns whether there was one to be had. */
export async function inChromium(use: (page: Page) => Promise<void>): Promise<boolean> {
  const [{ default: chromium }, { default: puppeteer }] = await Promise.all([
    import('@sparticuz/chromium'),
    import('puppeteer-core'),
  ]);
  let browser: Awaited<ReturnType<typeof puppeteer.launch>>;
  try {
    const executablePath = await chromium.executablePath();
    browser = await puppeteer.launch({ args: chromium.args, executablePath, headless: 'shell' });
  } catch (error) {
    // Not an x64 Linux, or a library is missing: what the page does is not tested then, and that has to be seen.
    process.stdout.write(`\nSKIPPED: no Chromium starts here: ${String(error).split('\n')[0]}\n`);
    return false;
  }
  try {
    await use(await browser.newPage());
  } finally {
    await browser.close();
  }
  return true;
}
