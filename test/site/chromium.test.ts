/* Runs without an adapter. */
import { fileURLToPath } from 'node:url';
import { loadStateDict } from '@tapegrad/nn';
import { openDevice } from '@tapegrad/node';
import type { Page } from 'puppeteer-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { bundlePage } from '../helpers/bundle.ts';
import { chromiums, launchChromium } from '../helpers/chromium.ts';
import { temporaryFolder } from '../helpers/runs.ts';
import { faultsOf, serveFolder } from '../helpers/web.ts';
import type { InPage } from './in-page/main.ts';
import { gradientOfQuickstart } from './in-page/quickstart.ts';
import { reconstructed, trained } from './in-page/training.ts';

/*
 * The kernels in a browser: the packed Chromium, and the system's where there is one. Both run on SwiftShader, and so does
 * Node here: the same kernels on the same adapter give the same bytes.
 */

declare const inPage: InPage;

const folder = temporaryFolder();
await bundlePage(fileURLToPath(new URL('./in-page/main.ts', import.meta.url)), folder);
const { url, close } = await serveFolder(folder);
const device = await openDevice('swiftshader');

/** In Node, once for all browsers. */
const memory = new Map<string, ReturnType<typeof trained>>();
const inNode = (name: string) => {
  const known = memory.get(name) ?? trained(name, device);
  memory.set(name, known);
  return known;
};

for (const path of await chromiums()) {
  const where = path.startsWith('/usr') ? 'installed Chromium' : 'packed Chromium';
  const browser = await launchChromium(undefined, path);
  if (!browser) {
    test.skip(`${where} does not start here`, () => {});
    continue;
  }
  const page: Page = await browser.newPage();
  const faults = faultsOf(page, url);
  await page.goto(url);
  await page.waitForFunction('globalThis.inPage');

  test(`${where}: finds the adapter and its kind`, async () => {
    assert.is(await page.evaluate(() => inPage.device.kind), 'swiftshader');
  });

  test(`${where}: kernels against the reference`, async () => {
    assert.equal(await page.evaluate(() => inPage.opFaults()), []);
  });

  test(`${where}: gradients, the same as in Node`, async () => {
    const expected = await gradientOfQuickstart(device);
    assert.equal(expected, {
      value: 64,
      gradient: [
        [8, 12],
        [10, 14],
      ],
    });
    assert.equal(await page.evaluate(() => inPage.quickstart()), expected);
  });

  for (const name of ['ae', 'vae-mlp', 'vq-vae']) {
    test(`${where}: ${name} trains with Node's bytes, and each loads the other's weights`, async () => {
      const actual = await page.evaluate((name) => inPage.trained(name), name);
      const expected = await inNode(name);
      assert.is(actual.losses.length, 3);
      assert.equal(actual.losses, expected.losses);
      const weights = Buffer.from(actual.weights, 'base64');
      assert.ok(weights.equals(expected.weights), 'weights.safetensors');

      const pixels = await reconstructed(name, device, (model) => loadStateDict(model, weights));
      const theirs = await page.evaluate(
        (name, weights) => inPage.reconstructed(name, weights),
        name,
        Buffer.from(expected.weights).toString('base64'),
      );
      assert.ok(Buffer.from(theirs, 'base64').equals(Buffer.from(pixels.buffer)), 'reconstructions');
      assert.ok(new Set(pixels).size > 100, 'there is something to be seen');
    });
  }

  test(`${where}: no errors, no requests to elsewhere`, async () => {
    await browser.close();
    assert.equal(faults, []);
  });
}

test.after(() => {
  close();
  device.destroy();
});
test.run();
