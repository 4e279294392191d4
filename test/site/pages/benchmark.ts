import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ElementHandle } from 'puppeteer-core';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkResults, type Results } from '../../../bench/results.ts';
import { assertUsable, downloaded, type Site, textOf, waitForText } from '../../helpers/site.ts';

/* The page that measures. */

export function benchmarkSuite(test: Test, site: Site): void {
  test('benchmark: some kinds of kernels, saved, and compared with another file', async () => {
    const visitor = await site.visit('benchmark/');
    const { page, faults, downloads } = visitor;
    await page.waitForSelector('#measure:not([disabled])');
    // Reductions and random numbers alone: the others take SwiftShader long.
    for (const box of await page.$$('.controls input[type=checkbox]')) {
      const text = await box.evaluate((input) => (input as HTMLInputElement).labels![0]!.innerText);
      if (!/reduction|random/.test(text)) await box.click();
    }
    await page.click('#measure');
    assert.match(await waitForText(page, '#roofs', /GFLOP/), /GFLOP\/s .*chains.* GB\/s copy of 16 MiB/);
    await page.waitForSelector('#save', { timeout: 120_000 });
    assert.ok(await page.$('.chart svg circle title'));
    assert.match(
      await textOf(page, '#kernels'),
      /reduction\/sum 512x16x14x14 over axis 0, 2, 3 [\d.]+ % (memory|compute)/,
    );
    await page.click('#save');
    const bytes = await downloaded(visitor, 'tapegrad-bench.json');
    const results = checkResults(JSON.parse(Buffer.from(bytes).toString()));
    assert.ok(results.kernels.length > 5);
    assert.is(results.adapter.kind, 'swiftshader');
    assert.ok(results.kernels.every((row) => row.cpuMs === undefined && row.ms.median > 0));

    const twice: Results = {
      ...results,
      kernels: results.kernels.map((row) => ({
        ...row,
        ms: { ...row.ms, median: 2 * row.ms.high, low: 2 * row.ms.high, high: 2 * row.ms.high },
      })),
    };
    const other = join(downloads, 'before.json');
    writeFileSync(other, JSON.stringify(twice));
    const input = (await page.$('#other')) as ElementHandle<HTMLInputElement>;
    await input.uploadFile(other);
    const said = await waitForText(page, '#comparison', /faster/);
    assert.match(said, new RegExp(`0 slower, ${results.kernels.length} faster, 0 the same`));
    const wrong = join(downloads, 'wrong.json');
    writeFileSync(wrong, '{"a":1}');
    await input.uploadFile(wrong);
    assert.match(await waitForText(page, '[role=alert]', /wrong/), /wrong.json is no result of this suite/);
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });

  test('benchmark: stopped on the way', async () => {
    const { page, faults } = await site.visit('benchmark/');
    await page.waitForSelector('#measure:not([disabled])');
    await page.click('#measure');
    await page.waitForSelector('#stop');
    await page.click('#stop');
    await page.waitForSelector('#measure');
    assert.equal(faults, []);
    await page.close();
  });

  test('benchmark: without WebGPU a recording, on a phone, in the dark', async () => {
    const { page, faults } = await site.visit('benchmark/', { gpu: false, width: 360, scheme: 'dark' });
    assert.match(await waitForText(page, '#roofs', /GFLOP/), /llvmpipe/);
    assert.ok(await page.$('.chart svg circle'));
    assert.ok(await page.$('#measure[disabled]'));
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });
}
