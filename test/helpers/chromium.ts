import { closeSync, existsSync, openSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'puppeteer-core';

/**
 * WebGPU on SwiftShader in the headless shell. Unlike the flags that `@sparticuz/chromium` suggests these keep the browser's
 * processes apart, as they are on a desktop: what blocks a page there blocks it here.
 */
const FLAGS = [
  '--no-sandbox',
  '--enable-unsafe-webgpu',
  '--disable-dev-shm-usage',
  '--force-color-profile=srgb',
];

/** Debian's, where it is installed: TAPEGRAD_CHROMIUM names another. */
const installed = () =>
  [process.env.TAPEGRAD_CHROMIUM, '/usr/bin/chromium'].filter(
    (path): path is string => path !== undefined && existsSync(path),
  );

/** The browsers that tests can use here: the packed one, and `/usr/bin/chromium`. */
export async function chromiums(): Promise<string[]> {
  return [await unpacked(), ...installed()];
}

/** Unpacks the browser of the npm package once, though several suites ask at the same time. */
async function unpacked(): Promise<string> {
  const { default: chromium } = await import('@sparticuz/chromium');
  const lock = join(tmpdir(), 'tapegrad-chromium.lock');
  for (let tries = 0; ; tries++) {
    try {
      closeSync(openSync(lock, 'wx'));
      break;
    } catch {
      // Whoever held it for a minute is gone.
      if (existsSync(lock) && Date.now() - statSync(lock).mtimeMs > 60_000) rmSync(lock, { force: true });
      if (tries > 1200) throw new Error(`${lock} is held by another process`);
      await sleep(100);
    }
  }
  try {
    return await chromium.executablePath();
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Starts a browser, or says why there is none and returns nothing. */
export async function launchChromium(
  flags: readonly string[] = FLAGS,
  executablePath?: string,
): Promise<Browser | undefined> {
  try {
    const { default: puppeteer } = await import('puppeteer-core');
    return await puppeteer.launch({
      args: [...flags],
      executablePath: executablePath ?? (await unpacked()),
      headless: 'shell',
      protocolTimeout: 600_000,
    });
  } catch (error) {
    // Not an x64 Linux, or a library is missing: what the page does is not tested then, and that has to be seen.
    process.stdout.write(`\nSKIPPED: no Chromium starts here: ${String(error).split('\n')[0]}\n`);
    return undefined;
  }
}

/** Runs `use` with a page of a headless Chromium, and returns whether there was one to be had. */
export async function inChromium(use: (page: Page) => Promise<void>): Promise<boolean> {
  const browser = await launchChromium();
  if (!browser) return false;
  try {
    await use(await browser.newPage());
  } finally {
    await browser.close();
  }
  return true;
}
