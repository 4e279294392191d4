import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import axe from 'axe-core';
import type { Browser, Page } from 'puppeteer-core';
import * as assert from 'uvu/assert';
import { buildSite } from '../../site/build/site.ts';
import { launchChromium } from './chromium.ts';
import { temporaryFolder } from './runs.ts';
import { faultsOf, serveFolder } from './web.ts';

/* The site as a visitor has it: built, in a folder of a web host, in a browser with or without WebGPU. */

export interface Visitor {
  readonly page: Page;
  /** What the page must not have done. */
  readonly faults: string[];
  /** Where downloads arrive. */
  readonly downloads: string;
}

export interface Site {
  readonly folder: string;
  readonly url: string;
  /** A visitor of a page; `gpu: false` has a browser without WebGPU. */
  visit(
    path: string,
    options?: { gpu?: boolean; width?: number; scheme?: 'light' | 'dark' },
  ): Promise<Visitor>;
  end(): Promise<void>;
}

/** Builds and serves the site. Undefined where no browser starts. */
export async function openSite(): Promise<Site | undefined> {
  const browsers = new Map<boolean, Browser>();
  const first = await launchChromium();
  if (!first) return undefined;
  browsers.set(true, first);
  const [folder, arrivals] = [temporaryFolder(), temporaryFolder()];
  await buildSite(folder, { logLevel: 'error', api: false });
  const { url, close } = await serveFolder(folder, '/any/folder/');
  return {
    folder,
    url,
    async visit(path, { gpu = true, width = 1200, scheme = 'light' } = {}) {
      const browser = browsers.get(gpu) ?? (await launchChromium(['--no-sandbox']))!;
      browsers.set(gpu, browser);
      const downloads = mkdtempSync(join(arrivals, 'visitor-'));
      // A visitor of their own: nothing kept from the one before.
      const context = await browser.createBrowserContext({
        downloadBehavior: { policy: 'allow', downloadPath: downloads },
      });
      const page = await context.newPage();
      await page.setViewport({ width, height: 900 });
      await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      const faults = faultsOf(page, url);
      await page.goto(url + path);
      return { page, faults, downloads };
    },
    async end() {
      for (const browser of browsers.values()) await browser.close();
      close();
    },
  };
}

/** The file that a click leaves in the folder of downloads. */
export async function downloaded({ downloads }: Visitor, name: string): Promise<Uint8Array> {
  for (let tries = 0; tries < 300; tries++) {
    if (readdirSync(downloads).includes(name)) {
      const content = readFileSync(join(downloads, name));
      rmSync(join(downloads, name));
      return content;
    }
    await sleep(100);
  }
  throw new Error(`no download ${name} arrived: ${readdirSync(downloads).join(', ') || 'nothing'}`);
}

/** Text of an element as people see it. */
export const textOf = (page: Page, selector: string): Promise<string> =>
  page.$eval(selector, (element) => (element as HTMLElement).innerText.replace(/\s+/g, ' ').trim());

/** Waits until a text fits. */
export async function waitForText(
  page: Page,
  selector: string,
  wanted: RegExp,
  seconds = 120,
): Promise<string> {
  try {
    await page.waitForFunction(
      (selector, source) =>
        new RegExp(source).test((document.querySelector(selector) as HTMLElement)?.innerText ?? ''),
      { timeout: seconds * 1000, polling: 100 },
      selector,
      wanted.source,
    );
  } catch {
    const main = await textOf(page, 'main').catch(() => '(no page)');
    throw new Error(`${selector} never said ${wanted}; the page: ${main.slice(0, 600)}`);
  }
  return textOf(page, selector);
}

/** WCAG 2.1 at levels A and AA, and what is good practice besides. */
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'];

/** Fails where a page is wider than its window, or is hard to use by keyboard, by ear or with weak eyes, as far as axe sees it. */
export async function assertUsable(page: Page): Promise<void> {
  await page.evaluate(axe.source);
  const faults = await page.evaluate(async (tags) => {
    const found: string[] = [];
    const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
    if (wide > 0) found.push(`${wide} pixels too wide`);
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run({ runOnly: tags });
    for (const { id, help, nodes } of violations)
      found.push(`${id}: ${help}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`);
    return found;
  }, TAGS);
  assert.equal(faults, []);
}
