/* Runs without an adapter. */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { referenceDevice } from '@tapegrad/tensor';
import { models, settingsOf } from '@tapegrad/vae';
import { allPictures, type Cloud } from '@tapegrad/vae/gallery';
import { decode } from 'fast-png';
import { type EpochRecord, RunFolder, subjectOf, trainRun, writeCurves, writeReport } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { escaped, html, jsonFor } from '../../packages/tapegrad/src/report/markup.ts';
import { spriteOf } from '../../packages/tapegrad/src/report/png.ts';
import { inChromium } from '../helpers/chromium.ts';
import { finishedRun, recordsOf } from '../helpers/finished.ts';
import { assertSelfContained, attribute, ParsedPage, textOf } from '../helpers/page.ts';
import { fewDigits, temporaryFolder } from '../helpers/runs.ts';

const root = temporaryFolder();
const data = fewDigits(60, 40);

// ---------------------------------------------------------------------------------------------------------- markup

test('markup: what comes from outside is escaped, what is markup stays', () => {
  const name = `<b a="x">&'`;
  assert.is(escaped(name), '&lt;b a=&quot;x&quot;&gt;&amp;&#39;');
  assert.is(
    html`<p title="${name}">${[html`<i>${1}</i>`, undefined, name]}</p>`.text,
    `<p title="${escaped(name)}"><i>1</i>${escaped(name)}</p>`,
  );
});

test('markup: JSON cannot end its element', () => {
  const { text } = jsonFor({ a: '</script><!--' });
  assert.not.match(text, /</);
  assert.equal(JSON.parse(text), { a: '</script><!--' });
});

// ---------------------------------------------------------------------------------------------------------- images

const pngOf = (uri: string) => decode(Buffer.from(uri.split(',')[1]!, 'base64'));

test('sprite: every image is found at its place, in colour too', () => {
  const shape = [3, 2, 1] as const;
  const pixels = Uint8Array.from({ length: 5 * 6 }, (_, i) => i);
  const { source, columns, width, height } = spriteOf({ pixels, shape });
  const png = pngOf(source);
  assert.equal([columns, width, height, png.width, png.height, png.channels], [3, 1, 2, 3, 4, 3]);
  for (let image = 0; image < 5; image++) {
    for (let row = 0; row < 2; row++) {
      const at = ((Math.floor(image / 3) * 2 + row) * 3 + (image % 3)) * 3;
      const expected = [0, 2, 4].map((plane) => image * 6 + plane + row);
      assert.equal([...png.data.subarray(at, at + 3)], expected, `image ${image}, row ${row}`);
    }
  }
});

test('sprite: many large images are made smaller, by means of squares', () => {
  const [count, side] = [500, 64];
  const pixels = new Uint8Array(count * 3 * side * side).map((_, i) => (i % 2 === 0 ? 10 : 20));
  const { source, width, height } = spriteOf({ pixels, shape: [3, side, side] });
  assert.equal([width, height], [32, 32]);
  assert.is(pngOf(source).data[0], 15);
  assert.ok(source.length < 6e6);
});

// ---------------------------------------------------------------------------------------------------------- a page

const run = await finishedRun(join(root, 'run'), data, { data: `<script>alert("digits")</script>` });
const spec = models.get('vae')!;
const pictures = await allPictures(subjectOf(run.model, data));
const reported = { ...run, spec, data };
const path = writeReport(run.folder, reported, pictures);
const page = new ParsedPage(readFileSync(path, 'utf8'));

test('report: one file, with nothing from elsewhere, that is whole', () => {
  assert.is(path, join(root, 'run', 'report.html'));
  assertSelfContained(page);
});

test('report: the licence of what is inside comes with it', () => {
  const script = page.all('script').map(textOf).join('');
  assert.match(script, /MIT License/);
  assert.match(script, /Leon Sorokin/);
});

test('report: names from outside are text', () => {
  assert.is(textOf(page.all('h1')[0]!), 'vae on <script>alert("digits")</script>');
  assert.is(page.all('script').length, 2, 'the data and the script of the page');
});

test('report: the curves are those of metrics.jsonl', () => {
  const records = recordsOf(1);
  const steps = records.filter(({ kind }) => kind === 'step') as { step: number; loss: number }[];
  const epochs = records.filter(({ kind }) => kind === 'epoch') as unknown as EpochRecord[];
  const { curves } = page.data;
  assert.equal(Object.keys(curves), ['curve-loss', 'curve-reconstruction', 'curve-kl']);
  for (const id of Object.keys(curves)) page.byId(id);
  const [step, train, test_] = curves['curve-loss']!.curves;
  assert.equal(step!.x, [5, 10, 15, 20]);
  assert.equal(
    step!.y,
    steps.map(({ loss }) => (Number.isFinite(loss) ? loss : null)),
    'a loss that is no number is a gap',
  );
  assert.equal(
    [train!.x, test_!.x],
    [
      [10, 20],
      [10, 20],
    ],
  );
  assert.equal(
    train!.y,
    epochs.map((epoch) => epoch.train.loss),
  );
  assert.equal(
    test_!.y,
    epochs.map((epoch) => epoch.test.loss),
  );
  assert.equal(
    curves['curve-kl']!.curves[2]!.y,
    epochs.map((epoch) => epoch.test.kl),
  );
});

test('report: the slider has an image for each epoch, and says which', () => {
  const frames = page.data.sliders.epochs!;
  assert.equal(
    frames.map(({ source }) => pngOf(source).data[0]),
    [1, 2],
  );
  assert.equal(
    frames.map(({ label }) => label),
    ['1: test loss 1', '2: test loss 0.5000'],
  );
  const input = page.all('input').find((element) => attribute(element, 'type') === 'range')!;
  assert.equal(
    [attribute(input, 'min'), attribute(input, 'max'), attribute(input, 'value')],
    ['0', '1', '1'],
  );
});

test('report: points are where the codes are, each with its image', () => {
  const { clouds, thumbnails, heldOut } = page.data;
  const { points, labels } = pictures.scatter as Cloud;
  const shown = clouds['cloud-scatter']!;
  assert.is(shown.points.length, 120);
  for (const [i, value] of shown.points.entries())
    assert.ok(Math.abs(value - points[i]!) <= 1e-3 * Math.abs(points[i]!));
  assert.equal(shown.labels, [...labels!]);
  assert.equal(shown.images, [...Array(60).keys()]);
  assert.equal(Object.keys(clouds), ['cloud-scatter', 'cloud-principal']);
  const sprite = pngOf(thumbnails!.source);
  const at = (image: number, x: number, y: number) =>
    sprite.data[(Math.floor(image / 8) * 28 + y) * sprite.width + (image % 8) * 28 + x];
  for (const image of [0, 7, 59])
    for (const [x, y] of [
      [14, 14],
      [10, 20],
    ] as const)
      assert.is(at(image, x, y), data.train.images[image * 784 + y * 28 + x], `image ${image}`);
  const { size: length } = new Set(data.test.labels!);
  assert.is(shown.heldOut.labels!.length, length, 'one digit of each class');
  assert.is(heldOut!.columns, Math.ceil(Math.sqrt(length)));
});

test('report: KL per dimension adds up, largest first', () => {
  const rows = page.all('table').filter((element) => attribute(element, 'class') === 'bars');
  assert.is(rows.length, 1);
  const values = [...textOf(rows[0]!).matchAll(/([\d.]+) nats/g)].map((match) => Number(match[1]));
  assert.is(values.length, 3);
  assert.equal(
    values,
    [...values].sort((a, b) => b - a),
  );
});

test('report: a run that has no such picture, no epoch and no images of its epochs', async () => {
  const ae = await finishedRun(join(root, 'ae'), data, { model: 'ae', latent: 2, data: 'few' });
  rmSync(join(root, 'ae', 'images'), { recursive: true });
  rmSync(join(root, 'ae', 'metrics.jsonl'));
  const all = await allPictures(subjectOf(ae.model, data));
  const file = writeReport(ae.folder, { ...ae, spec: models.get('ae')!, data }, all);
  const bare = new ParsedPage(readFileSync(file, 'utf8'));
  assertSelfContained(bare);
  const notes = bare.elements.filter((element) => attribute(element, 'class') === 'note').map(textOf);
  assert.ok(notes.some((note) => /not stochastic/.test(note)));
  assert.ok(notes.some((note) => /No epoch is complete/.test(note)));
  assert.equal(bare.data.sliders, {});
});

test('report: pictures that fail do not end a training, and are named', async () => {
  const notes: string[] = [];
  const ae = models.get('ae')!;
  const complete = await trainRun({
    folder: () => RunFolder.claim(join(root, 'failing')),
    config: {
      ...run.config,
      ...settingsOf(ae),
      ...{ model: 'ae', network: 'mlp', hidden: 4, batchSize: 30, epochs: 1 },
    },
    spec: {
      ...ae,
      build(...given) {
        const model = ae.build(...given);
        model.pixels = () => {
          throw new Error('out of paint');
        };
        return model;
      },
    },
    data,
    listener: { preparing() {}, step() {}, epoch() {}, note: (message) => notes.push(message) },
    stop: () => false,
    device: referenceDevice,
  });
  assert.ok(complete);
  assert.is(notes.length, 2);
  assert.is(notes[0], 'no pictures of epoch 1: out of paint');
  assert.match(notes[1]!, /^no pictures; `tapegrad report .*failing` tries again: out of paint$/);
  assert.ok(existsSync(join(root, 'failing', 'weights.safetensors')));
});

test('curves: a chart for each metric, as a picture', async () => {
  const png = decode(readFileSync((await writeCurves(run.folder, 'vae'))!));
  assert.ok(png.height > 3 * 300, 'loss, reconstruction and KL');
});

test('report: in a browser, with charts, a slider by keyboard, images at the pointer, and no errors', async () => {
  await inChromium(async (tab) => {
    const faults: string[] = [];
    tab.on('pageerror', (error) => faults.push(String(error)));
    tab.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warn') faults.push(message.text());
    });
    tab.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) faults.push(`asked for ${request.url()}`);
    });
    for (const width of [390, 1200]) {
      await tab.setViewport({ width, height: 900 });
      await tab.goto(pathToFileURL(path).href);
      await tab.waitForSelector('[data-ready="true"]');
      const wide = await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `at ${width} pixels the page is ${wide} too wide`);
    }
    assert.is((await tab.$$('.curves .u-over')).length, 3, 'a chart for each metric');

    await tab.focus('#epochs input');
    await tab.keyboard.press('Home');
    const shown = await tab.$eval('#epochs img', (image) => [
      image.getAttribute('src'),
      image.getAttribute('alt'),
    ]);
    assert.is(shown[0], page.data.sliders.epochs![0]!.source);
    assert.match(shown[1]!, /after epoch 1: test loss 1/);

    const plane = (await tab.$('#cloud-scatter .plane'))!;
    await plane.scrollIntoView();
    const { x, y, width, height } = (await plane.boundingBox())!;
    let tip = '';
    // Somewhere in the cloud a point is near.
    for (let i = 0; i < 400 && tip === ''; i++) {
      await tab.mouse.move(x + width * (0.15 + 0.7 * ((i % 20) / 20)), y + height * (0.1 + 0.7 * (i / 400)));
      tip = await tab.$eval('#cloud-scatter .tip', (element) =>
        (element as HTMLElement).hidden ? '' : element.textContent!,
      );
    }
    assert.match(tip, /^class \d, training image \d+ at \(/);
    const inked = await tab.$eval('#cloud-scatter .tip canvas', (element) => {
      const canvas = element as HTMLCanvasElement;
      return canvas
        .getContext('2d')!
        .getImageData(0, 0, 28, 28)
        .data.some((v, i) => i % 4 === 0 && v > 128);
    });
    assert.ok(inked, 'the image of the point is drawn');
    assert.equal(faults, []);
  });
});

test.run();
