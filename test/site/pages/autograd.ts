import { openDevice } from '@tapegrad/node';
import type { Page } from 'puppeteer-core';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { examples } from '../../../site/src/autograd/examples.ts';
import { inspect } from '../../../site/src/autograd/inspect.ts';
import { fromHash, toHash } from '../../../site/src/autograd/link.ts';
import { assertUsable, type Site, textOf, waitForText } from '../../helpers/site.ts';

/* The page that goes from `loss.backward()` down to the shader. */

const boxes = (page: Page) =>
  page.$$eval('.box', (list) => list.map((box) => (box as HTMLElement).innerText.replace(/\s+/g, ' ')));

export function autogradSuite(test: Test, site: Site): void {
  test('autograd: links hold any program', () => {
    for (const { code } of examples) assert.is(fromHash(toHash(code)), code);
    assert.is(fromHash('#code=nonsense'), undefined);
  });

  test('autograd: from the root to the shader in three clicks', async () => {
    const { page, faults } = await site.visit('autograd/');
    assert.is(await waitForText(page, '#printed', /gradient/), 'loss 64 gradient [[8, 12], [10, 14]]');
    assert.equal(await boxes(page), [
      'x [2, 2] 1, 2, 3, 4 grad 8, 12, 10, 14',
      'matmul [2, 2] 7, 10, 15, 22 grad 1, 1, 1, 1',
      'y = add [2, 2] 8, 12, 18, 26 grad 1, 1, 1, 1',
      'loss = sum [] 64 grad 1',
    ]);
    await page.click('.box:nth-of-type(2)'); // one
    assert.match(await textOf(page, '.details'), /matmul\(x, x.*Its rule matmul: \(\{ gradient: g/);
    const launches = await page.$$('.launches-of:last-of-type .launch');
    await launches.at(-1)!.click(); // two
    await page.waitForSelector('.wgsl');
    const wgsl = await textOf(page, '.wgsl');
    assert.match(wgsl, /@compute @workgroup_size/);
    assert.not.match(wgsl, /Put before every kernel/);
    assert.match(await textOf(page, '.kernel'), /Constants: \w+ = /);
    assert.match(await textOf(page, '#launches'), /backward of entry 0 \(matmul\)/);
    assert.match(
      await textOf(page, '[aria-labelledby=captured-title]'),
      /8 launches before merging, 5 after: 3 became/,
    );
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });

  test('autograd: every example, with what the reference prints', async () => {
    const { page, faults } = await site.visit('autograd/');
    await waitForText(page, '#printed', /loss 64/);
    const lavish = await openDevice('swiftshader');
    for (const { name, code } of examples) {
      await page.select('#example', name);
      const expected = (await inspect(code, lavish)).printed.join(' ');
      await page.waitForFunction(
        (text) =>
          (document.querySelector('#printed') as HTMLElement).innerText.replace(/\s+/g, ' ').trim() === text,
        { timeout: 30_000 },
        expected.trim(),
      );
      assert.match(await textOf(page, '[aria-labelledby=captured-title]'), /launches before merging/, name);
    }
    lavish.destroy();
    assert.equal(faults, []);
    await page.close();
  });

  test('autograd: a program typed, run by keys, wrong, without end; and its link', async () => {
    const { page, faults } = await site.visit('autograd/');
    await waitForText(page, '#printed', /loss 64/);
    const type = async (code: string) => {
      await page.focus('.cm-content');
      await page.keyboard.down('Control');
      await page.keyboard.press('a');
      await page.keyboard.up('Control');
      await page.keyboard.press('Delete');
      await page.keyboard.type(code);
      await page.keyboard.down('Control');
      await page.keyboard.press('Enter');
      await page.keyboard.up('Control');
    };
    await type('const a = requiresGrad(tensor([3]));\nconst b = a.square();\nb.backward();\nprint(a.grad);');
    await waitForText(page, '#printed', /^\[6\]/);
    const link = page.url();
    await type('tensor([1, 2]).matmul(tensor([[1]]));');
    assert.match(await waitForText(page, '[role=alert]', /matmul/), /matmul: /);
    await type('while (true) {}');
    await page.waitForSelector('#stop');
    await page.click('#stop');
    await waitForText(page, '[role=alert]', /stopped/);
    await page.goto('about:blank');
    await page.goto(link);
    await waitForText(page, '#printed', /^\[6\]/);
    assert.equal(faults, []);
    await page.close();
  });

  test('autograd: without WebGPU, on a phone, in the dark', async () => {
    const { page, faults } = await site.visit('autograd/', { gpu: false, width: 360, scheme: 'dark' });
    assert.match(await waitForText(page, '#printed', /gradient/), /loss 64 gradient/);
    assert.match(await textOf(page, '#launches'), /contraction/, 'the recorded launches');
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });
}
