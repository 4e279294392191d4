import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ElementHandle, Page } from 'puppeteer-core';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertUsable, downloaded, type Site, textOf, waitForText } from '../../helpers/site.ts';
import { clickText } from './train.ts';

/* The page on which one moves through a latent space. */

const pixelsOf = (page: Page, selector: string) =>
  page.$eval(selector, (canvas) => {
    const { width, height } = canvas as HTMLCanvasElement;
    // Of a copy: Chromium warns where what is drawn on is read back.
    const copy = new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true })!;
    copy.drawImage(canvas as HTMLCanvasElement, 0, 0);
    const { data } = copy.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, i) => data[4 * i]!);
  });

/** Waits until an image is another than it was. */
async function changed(page: Page, selector: string, before: readonly number[]): Promise<number[]> {
  for (let tries = 0; tries < 200; tries++) {
    const now = await pixelsOf(page, selector);
    if (now.join() !== before.join()) return now;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${selector} stayed as it was`);
}

export function exploreSuite(test: Test, site: Site): void {
  test('explore: mouse, sliders, digits and drawing', async () => {
    const { page, faults } = await site.visit('explore/');
    await page.waitForSelector('#plane');
    await waitForText(page, '.status', /vae: 5 numbers in a code/);
    let image = await changed(page, '#decoded', new Array(784).fill(0));
    assert.ok(Math.max(...image) > 150, 'something is decoded');

    const box = (await (await page.$('#plane'))!.boundingBox())!;
    await page.mouse.move(box.x + 0.1 * box.width, box.y + 0.4 * box.height);
    image = await changed(page, '#decoded', image);
    const values = () =>
      page.$$eval('.slider output', (outputs) =>
        outputs.map((output) => Number(output.value.replace('−', '-'))),
      );
    assert.is((await values())[0], -2.4);

    await page.focus('#plane');
    await page.keyboard.press('ArrowRight');
    image = await changed(page, '#decoded', image);
    await page.focus('.slider:nth-child(3) input');
    await page.keyboard.press('Home');
    image = await changed(page, '#decoded', image);
    assert.is((await values())[2], -3);
    const nats = await page.$$eval('.slider .hint', (hints) =>
      hints.map((hint) => Number.parseFloat(hint.textContent!)),
    );
    assert.equal(
      nats,
      [...nats].sort((a, b) => b - a),
      'the sliders are in the order of KL',
    );

    await page.click('button[aria-label="To 7"]');
    await page.focus('#between');
    await page.keyboard.press('End');
    image = await changed(page, '#decoded', image);
    await waitForText(page, '[aria-labelledby=between-title]', /100 % of the way/);

    // A stroke from top to bottom is a 1.
    const pad = (await page.$('#drawing'))!;
    await pad.scrollIntoView();
    const place = (await pad.boundingBox())!;
    await page.mouse.move(place.x + 0.52 * place.width, place.y + 0.15 * place.height);
    await page.mouse.down();
    await page.mouse.move(place.x + 0.48 * place.width, place.y + 0.85 * place.height, { steps: 8 });
    await page.mouse.up();
    const nearest = (await waitForText(page, '#neighbours', /nearest/)).split(': ')[1]!;
    assert.ok(nearest.split(' ').filter((digit) => digit === '1').length >= 5, `nearest are ${nearest}`);
    assert.match(await textOf(page, '#code-text'), /^code −?[\d.]+(, −?[\d.]+){4}; σ /);
    await page.click('button[aria-label="Encode the 0"]');
    assert.match(await waitForText(page, '#neighbours', /0 0 0/), /: 0/);
    const [seen, made] = [
      await pixelsOf(page, '[aria-label="The digit as the model sees it"]'),
      await pixelsOf(page, '#reconstruction'),
    ];
    const error = seen.reduce((sum, value, i) => sum + (value - made[i]!) ** 2, 0) / 784 / 255 ** 2;
    assert.ok(error < 0.05, `the reconstruction is near: ${error}`);
    await page.click('#draw-prior');
    await changed(page, '#decoded', image);

    // As fast as it goes: what a figure in the page says.
    for (let i = 0; i < 60; i++) {
      await page.mouse.move(box.x + (0.2 + i / 150) * box.width, box.y + (0.3 + i / 300) * box.height);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    const rate = Number.parseFloat(await waitForText(page, '#frames', /images a second/));
    assert.ok(rate > 5, `${rate} images a second`);
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });

  test('explore: a run from the training page, and one from files; what has no plane says so', async () => {
    const visitor = await site.visit('train/?model=vq-vae&hidden=8&codes=8&batchSize=16&images=32&epochs=1');
    const { page, faults } = visitor;
    await page.waitForSelector('#start:not([disabled])');
    await page.click('#start');
    await waitForText(page, '#status', /Done/);
    await clickText(page, '#runs button', 'Save run');
    const zip = join(visitor.downloads, 'run.zip');
    writeFileSync(
      zip,
      await downloaded(visitor, 'vq-vae-hidden-8-codes-8-batchSize-16-epochs-1-32-images.zip'),
    );
    await clickText(page, '#runs a', 'Explore');
    await page.waitForSelector('#decoded');
    await waitForText(page, '.status', /vq-vae: \d+ numbers in a code/);
    assert.match(await textOf(page, 'main'), /map of \d+×\d+×?\d* numbers/);
    await page.click('button[aria-label="Encode the 3"]');
    await waitForText(page, '#neighbours', /nearest codes/);

    await page.goto(`${site.url}explore/`);
    await waitForText(page, '.status', /vae: 5 numbers/);
    const input = (await page.$('#load')) as ElementHandle<HTMLInputElement>;
    await input.uploadFile(zip);
    await waitForText(page, '.status', /vq-vae/);
    assert.equal(faults, []);
    await page.close();
  });

  test('explore: without WebGPU the reference computes; on a phone, in the dark', async () => {
    const { page, faults } = await site.visit('explore/', { gpu: false, width: 360, scheme: 'dark' });
    await page.waitForSelector('#plane', { timeout: 120_000 });
    const image = await changed(page, '#decoded', new Array(784).fill(0));
    await page.focus('.slider input');
    await page.keyboard.press('End');
    await changed(page, '#decoded', image);
    assert.match(await textOf(page, '.note'), /the float64 reference computes/);
    await assertUsable(page);
    assert.equal(faults, []);
    await page.close();
  });
}
