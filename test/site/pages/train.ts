import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeSafetensors } from '@tapegrad/nn';
import { openDevice } from '@tapegrad/node';
import { threefry } from '@tapegrad/tensor';
import { models, Trainer } from '@tapegrad/vae';
import { encode } from 'fast-png';
import { unzipSync } from 'fflate';
import type { ElementHandle, Page } from 'puppeteer-core';
import { RunFolder, readRunConfig, readRunState } from 'tapegrad/node';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { fewDigits } from '../../helpers/runs.ts';
import {
  assertUsable,
  downloaded,
  type Site,
  textOf,
  type Visitor,
  waitForText,
} from '../../helpers/site.ts';

/* The page that trains, used as a person would. Everything is small enough for SwiftShader. */

const SETTINGS = 'model=vae-mlp&hidden=32&latent=4&batchSize=8&images=160';
/** Long enough to be paused on a busy machine: a run of 40 steps was at times over before the button was reached. */
const EPOCHS = 12;
const STEPS = 20 * EPOCHS;
const NAME = `vae-mlp-latent-4-hidden-32-batchSize-8-epochs-${EPOCHS}-160-images`;

export function trainSuite(test: Test, site: Site): void {
  test('train: settings from the address, and back into it', async () => {
    const { page, faults } = await site.visit(`train/?${SETTINGS}`);
    await page.waitForSelector('#start:not([disabled])');
    const value = (selector: string) =>
      page.$eval(selector, (input) => (input as HTMLInputElement | HTMLSelectElement).value);
    assert.equal(
      [await value('#model'), await value('[name=latent]'), await value('[name=images]')],
      ['vae-mlp', '4', '160'],
    );
    assert.is((await page.$$('#model option')).length, models.size);
    await page.focus('[name=latent]');
    await page.keyboard.press('ArrowUp');
    await page.waitForFunction(() => location.search.includes('latent=5'));
    await page.keyboard.press('Backspace');
    await waitForText(page, '.fault', /a number/);
    await page.waitForSelector('#start[disabled]');
    await page.select('#model', 'denoising-ae');
    await page.waitForSelector('[name=noiseLevel]');
    await page.waitForFunction(() => location.search.includes('model=denoising-ae&images=160'));
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });

  test('train: by keyboard, paused and on to the end; what is saved goes on in Node with the same bytes', async () => {
    const visitor = await site.visit(`train/?${SETTINGS}&epochs=${EPOCHS}`);
    const { page, faults } = visitor;
    await page.waitForSelector('#start:not([disabled])');
    await page.focus('#start');
    await page.keyboard.press('Enter');
    await waitForText(page, '#status', /step [1-9]/);
    await page.click('#pause');
    await page.waitForSelector('#go');
    await waitForText(page, '#runs', /paused/);
    const step = stepOf(await textOf(page, '#status'));
    assert.ok(step > 0 && step < STEPS, `step ${step}`);
    const saved = await saveRun(visitor, NAME);

    await page.click('#go');
    await waitForText(page, '#status', new RegExp(`Done: epoch ${EPOCHS} of ${EPOCHS}, step ${STEPS}`));
    const state = decodeSafetensors((await saveRun(visitor, NAME))['state.safetensors']!);

    const folder = join(visitor.downloads, 'run');
    mkdirSync(folder);
    for (const [name, bytes] of Object.entries(saved)) writeFileSync(join(folder, name), bytes);
    const run = RunFolder.open(folder);
    const { config, spec } = readRunConfig(run);
    const { tensors, metadata } = readRunState(run);
    assert.is(Number(metadata.step), step);
    const device = await openDevice('swiftshader');
    const { train, test: held } = fewDigits(160, 10);
    const trainer = new Trainer(spec, { shape: [1, 28, 28], train, test: held }, { ...config, device });
    trainer.restore(tensors, metadata);
    while (trainer.epoch < EPOCHS) await trainer.trainEpoch(() => {});
    const mine = await trainer.checkpoint();
    assert.equal([...mine.tensors.keys()].sort(), [...state.tensors.keys()].sort());
    for (const [name, { data }] of mine.tensors) assert.equal(data, state.tensors.get(name)!.data, name);
    device.destroy();

    // Everything that there is to see.
    for (const name of ['reconstructions', 'samples', 'scatter'])
      assert.ok(await page.$(`[aria-labelledby=${name}-title] canvas`), name);
    const label = (selector: string) =>
      page.$eval(selector, (element) => element.getAttribute('aria-label')!);
    assert.match(
      await label('.curves'),
      new RegExp(`loss from [\\d.]+ to [\\d.]+ in ${STEPS} steps, [\\d.]+ on the test set`),
    );
    assert.match(await textOf(page, '#status'), /launches a step, [\d,]+ parameters, .*software adapter/);
    assert.is((await page.$$('.bars dt')).length, 10, 'a gradient norm for each parameter');
    await page.select('#layer', 'fc1.weight');
    await waitForLabel(page, /weights of fc1.weight, \[32, 784\]/);
    await clickText(page, 'button', 'gradients');
    await waitForLabel(page, /gradients of fc1.weight/);
    assert.not.match(await label('.layer'), /norm 0\.00$/);
    await clickText(page, 'button', 'activations');
    await waitForLabel(page, /activations of fc1, \[1, 32\]/);
    assert.equal(faults, []);

    // The run is still there at the next visit.
    await page.reload();
    await waitForText(page, '#runs', new RegExp(`kept\\s+${STEPS}`));
    await page.close();
  });

  test('train: β on the way, two runs over each other, answers while it trains', async () => {
    const { page, faults } = await site.visit(`train/?${SETTINGS}&epochs=500`);
    await page.waitForSelector('#start:not([disabled])');
    await page.click('#start');
    await waitForText(page, '#status', /step [1-9]/);
    // Between a key and the page's answer to it; the median, since the machine does other things too.
    const delays: number[] = [];
    for (let i = 0; i < 9; i++) {
      delays.push(
        await page.evaluate(async () => {
          const asked = performance.now();
          const box = document.querySelector<HTMLInputElement>('.head input[type=checkbox]')!;
          box.click();
          await new Promise((resolve) => requestAnimationFrame(resolve));
          return performance.now() - asked;
        }),
      );
      await sleep(150);
    }
    delays.sort((a, b) => a - b);
    assert.ok(delays[4]! < 100, `answers take ${delays.map((ms) => ms.toFixed(0)).join(', ')} ms`);
    await page.focus('#beta');
    for (let i = 0; i < 3; i++) await page.keyboard.press('ArrowRight');
    await waitForText(page, '#runs', /β [\d.]+ from step \d+/);
    await page.click('[name=seed]');
    await page.keyboard.press('ArrowUp');
    await page.click('#start');
    await page.waitForFunction(() => document.querySelectorAll('#runs tbody tr').length >= 2);
    await waitForText(page, '#runs tbody tr[aria-current]', /seed 1.*running/s);
    await waitForText(page, '#status', /step [1-9]/);
    assert.match(
      await page.$eval('.curves', (chart) => chart.getAttribute('aria-label')!),
      /500, 160 images: loss.*seed 1, 160 images: loss/,
    );
    await clickText(page, '#runs tbody tr:last-child button', 'Pause', false);
    await page.click('#pause');
    await page.waitForSelector('#go');
    assert.equal(faults, []);
    await page.close();
  });

  test('train: images of one’s own, weights from elsewhere, and files that are neither', async () => {
    const visitor = await site.visit('train/?model=ae&hidden=16&batchSize=8&epochs=1');
    const { page, faults, downloads } = visitor;
    await page.waitForSelector('#start:not([disabled])');
    const files = Array.from({ length: 20 }, (_, i) => {
      const data = Uint8Array.from({ length: 40 * 32 * 3 }, (_, k) => (k * (i + 1)) % 256);
      const file = join(downloads, `${i}.png`);
      writeFileSync(file, encode({ width: 40, height: 32, channels: 3, data }));
      return file;
    });
    await upload(page, '#images', files);
    await waitForText(page, 'main', /20 images of yours, 28×28/);
    await page.click('#start');
    await waitForText(page, '#status', /Done: epoch 1 of 1, step 3/);
    assert.match(await textOf(page, '#runs'), /20 images of yours/);
    assert.not.match(await textOf(page, '#runs'), /Explore/, 'which has MNIST only');

    // Each is named, with what is wrong with it.
    const noise = Uint8Array.from({ length: 3 * 64 * 64 }, (_, k) => threefry(1, 1, k, 0)[0] % 256);
    const half = encode({ width: 64, height: 64, channels: 3, data: noise }).subarray(0, 6000);
    for (const [name, content, input, fault] of [
      ['notes.txt', 'nothing', '#load', /notes.txt is neither an image nor of a run/],
      ['half.png', half, '#images', /half.png cannot be read as an image/],
      ['broken.zip', 'PK nothing', '#load', /broken.zip cannot be read as a zip/],
      ['config.json', '{"model": ', '#load', /config.json is not JSON/],
    ] as const) {
      const file = join(downloads, name);
      writeFileSync(file, content);
      await upload(page, input, input === '#images' ? [...files, file] : [file]);
      await waitForText(page, '[role=alert]', fault);
    }
    await upload(page, '#images', files.slice(0, 1));
    await waitForText(page, '[role=alert]', /1 image is too few/);
    const [weights] = await page.$$('#runs button');
    assert.ok(weights);
    await clickText(page, '#runs button', 'Save weights');
    const file = await downloaded(visitor, 'weights.safetensors');
    assert.ok(decodeSafetensors(file).tensors.has('encoder.0.weight'));

    // A run goes on with its images, which no browser keeps; a folder of them is dropped as it is.
    await page.reload();
    await clickText(page, '#runs button', 'Go on');
    await waitForText(
      page,
      '[role=alert]',
      /trained on 20 images of yours, and the images here are mnist: drop/,
    );
    const folder = join(downloads, 'folder');
    mkdirSync(join(folder, 'inner'), { recursive: true });
    writeFileSync(join(folder, 'readme.txt'), 'not an image');
    for (const [i, file] of files.entries()) renameSync(file, join(folder, i % 2 ? 'inner' : '', `${i}.png`));
    await dropFile(page, folder);
    await waitForText(page, 'main', /Data: 20 images of yours, 28×28/);
    await clickText(page, '#runs button', 'Go on');
    await waitForText(page, '#status', /Done: epoch 1 of 1, step 3/);
    assert.equal(faults, []);
    await page.close();
  });

  test('train: nobody leaves a training unasked, and Explore opens it as it is', async () => {
    const { page, faults } = await site.visit(`train/?${SETTINGS}&epochs=500`);
    await page.waitForSelector('#start:not([disabled])');
    await page.click('#start');
    await waitForText(page, '#status', /step [1-9]/);
    const asked = new Promise<string>((resolve) => {
      page.once('dialog', async (dialog) => {
        await dialog.dismiss();
        resolve(dialog.type());
      });
    });
    await page.click('nav a[href="../benchmark/"]');
    assert.is(await asked, 'beforeunload');

    await clickText(page, '#runs a', 'Explore');
    await page.waitForSelector('#decoded');
    await waitForText(page, '.status', /vae-mlp: 4 numbers in a code/);
    await page.goto(`${site.url}explore/?run=none`);
    await waitForText(page, '[role=alert]', /not kept in this browser/);
    assert.equal(faults, []);
    await page.close();
  });

  test('train: on a phone, in the dark', async () => {
    const { page, faults } = await site.visit(`train/?${SETTINGS}`, { width: 360, scheme: 'dark' });
    await page.waitForSelector('#start:not([disabled])');
    await assertUsable(page);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.is(ground, 'rgb(20, 23, 28)');
    assert.equal(faults, []);
    await page.close();
  });

  test('train: without WebGPU it says what to do, and shows a recorded run', async () => {
    const { page, faults } = await site.visit('train/', { gpu: false, width: 390 });
    assert.match(
      await waitForText(page, '.note', /Chrome/),
      /offers no GPU.*Chrome and Edge.*Safari.*Firefox/,
    );
    assert.match(await waitForText(page, '#runs', /recorded/), /vae, recorded in Node recorded 200/);
    for (const name of ['reconstructions', 'samples', 'scatter'])
      assert.ok(await page.$(`[aria-labelledby=${name}-title] canvas`), name);
    assert.ok(await page.$('#start[disabled]'));
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });
}

const stepOf = (text: string) => Number(/step ([\d,]+)/.exec(text)![1]!.replaceAll(',', ''));

async function saveRun(visitor: Visitor, name: string): Promise<Record<string, Uint8Array>> {
  await clickText(visitor.page, '#runs button', 'Save run');
  const zip = await downloaded(visitor, `${name}.zip`);
  return Object.fromEntries(
    Object.entries(unzipSync(zip)).map(([path, bytes]) => [path.split('/').at(-1)!, bytes]),
  );
}

const waitForLabel = (page: Page, wanted: RegExp) =>
  page.waitForFunction(
    (source) => new RegExp(source).test(document.querySelector('.layer')?.getAttribute('aria-label') ?? ''),
    {},
    wanted.source,
  );

async function upload(page: Page, selector: string, files: string[]): Promise<void> {
  const input = (await page.$(selector)) as ElementHandle<HTMLInputElement>;
  await input.uploadFile(...files);
}

/** Drops a file or a folder onto the page. */
async function dropFile(page: Page, path: string): Promise<void> {
  const session = await page.createCDPSession();
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ['dragEnter', 'dragOver', 'drop'] as const)
    await session.send('Input.dispatchDragEvent', { type, x: 100, y: 100, data });
}

/** Clicks the last of the elements that say so, as soon as there is one: what a page keeps in the browser it shows a little later. */
export async function clickText(page: Page, selector: string, text: string, needed = true): Promise<void> {
  const deadline = Date.now() + (needed ? 30_000 : 0);
  do {
    for (const element of (await page.$$(selector)).reverse()) {
      if ((await element.evaluate((node) => (node as HTMLElement).innerText.trim())) !== text) continue;
      await element.click();
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  } while (Date.now() < deadline);
  if (needed) throw new Error(`no ${selector} says ${text}`);
}
