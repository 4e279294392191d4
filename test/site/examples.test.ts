/* Runs without an adapter. */
import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { build } from 'vite';
import { builtPackages } from '../helpers/built.ts';
import { launchChromium } from '../helpers/chromium.ts';
import { temporaryFolder } from '../helpers/runs.ts';
import { faultsOf, serveFolder } from '../helpers/web.ts';

/* The pages of `examples/browser`, with the packages as they are published. */

const examples = fileURLToPath(new URL('../../examples/browser/', import.meta.url));
const browser = await launchChromium();

if (browser) {
  const root = temporaryFolder();
  // Apart from the checkout's, where there is more than a user has.
  const modules = join(root, 'node_modules');
  cpSync(join(await builtPackages(), 'node_modules'), modules, { recursive: true });

  test('a page without any build, by an import map', async () => {
    const folder = join(root, 'import-map');
    cpSync(join(examples, 'import-map'), folder, { recursive: true });
    cpSync(modules, join(folder, 'node_modules'), { recursive: true });
    const { url, close } = await serveFolder(folder);
    const page = await browser.newPage();
    const faults = faultsOf(page, url);
    await page.goto(url);
    await page.waitForFunction(() => document.querySelector('pre')!.textContent !== '');
    const text = await page.$eval('pre', (pre) => pre.textContent!);
    assert.match(text, /^on .*swiftshader\nloss 64\ngradient \[\[8,12\],\[10,14\]\]$/);
    // Browsers ask for an icon that a page does not name.
    assert.equal(
      faults.filter((fault) => !fault.includes('favicon') && !fault.includes('404 (Not Found)')),
      [],
    );
    close();
    await page.close();
  });

  test('a page for Vite, built', async () => {
    const folder = join(root, 'vite');
    cpSync(join(examples, 'vite'), folder, { recursive: true });
    assert.ok(readFileSync(join(folder, 'index.html'), 'utf8').split('\n').length <= 60);
    await build({
      root: folder,
      configFile: false,
      logLevel: 'error',
      base: './',
      build: { target: 'esnext' },
    });
    const { url, close } = await serveFolder(join(folder, 'dist'));
    const page = await browser.newPage();
    const faults = faultsOf(page, url);
    await page.goto(url);
    await page.waitForSelector('body[data-done]', { timeout: 120_000 });
    const loss = Number(await page.$eval('output', (output) => output.value));
    assert.ok(loss < 0.002, `the loss is ${loss}: the variance of the curve is 0.25`);
    assert.equal(
      faults.filter((fault) => !fault.includes('favicon') && !fault.includes('404 (Not Found)')),
      [],
    );
    close();
    await page.close();
  });

  test.after(() => browser.close());
} else test.skip('no browser starts here', () => {});
test.run();
