/* Runs without an adapter. */

import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRaster, encodePng } from '@tapegrad/plot';
import { Generator, referenceDevice } from '@tapegrad/tensor';
import { models, type PictureResult, Subject, settingsOf } from '@tapegrad/vae';
import { allPictures, type Cloud } from '@tapegrad/vae/gallery';
import { decode } from 'fast-png';
import { type EpochRecord, RunFolder, subjectOf, trainRun, writeCurves, writeReport } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packedHalves, unpackedHalves } from '../../packages/tapegrad/src/report/client/living/halves.ts';
import type { LivingData } from '../../packages/tapegrad/src/report/client/living/types.ts';
import { commandOf, optionsOf } from '../../packages/tapegrad/src/report/command.ts';
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
const subject = subjectOf(run.model, data);
const pictures = await allPictures(subject);
const reported = { ...run, spec, data, subject };
const path = await writeReport(run.folder, reported, pictures);
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
  assert.is(page.all('script').length, 4, 'the data and the script of the page, and those of what is alive');
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

test('report: opens with the result: samples, reconstructions, three figures, and the command', () => {
  const [first] = page.all('section');
  assert.is(attribute(first!, 'id'), 'section-result');
  const figures = page.all('dl')[0]!;
  assert.is(
    textOf(figures),
    'ELBO of the test set−50 nats per image; higher is better' +
      `test loss0.5000 ${spec.units(run.config)}active latent dimensions${activeOf(pictures.kl)} of 3`,
  );
  const alts = page.all('img').map((image) => attribute(image, 'alt')!);
  assert.match(alts[0]!, /^samples: 8 rows of 8 images/);
  assert.match(alts[1]!, /^held-out images: .* after epoch 2: test loss 0\.5000/);
  const [command] = page.all('code').map(textOf);
  assert.is(
    command,
    `tapegrad train vae --network mlp --latent 3 --hidden 8 --epochs 2 --data '<script>alert("digits")</script>' --log-every 5`,
  );
  const [differing, all] = page.all('table').map(textOf);
  assert.is(differing, 'networkmlplatent3hidden8epochs2data<script>alert("digits")</script>log-every5');
  assert.match(all!, /lr0\.001/);
  assert.is(page.all('details').length, 2, 'all options, and all metrics, are folded away');
  assert.match(textOf(page.all('time')[0]!), /^\d+ [A-Z]\w+ \d{4}$/);
});

const activeOf = (picture: PictureResult): number =>
  picture.kind === 'bars' ? picture.rows.filter(({ marked }) => marked).length : Number.NaN;

test('report: the table of contents leads to every section', () => {
  const links = page.all('a').map((link) => attribute(link, 'href'));
  const sections = page.all('section').map((section) => `#${attribute(section, 'id')}`);
  assert.equal(links, ['#main', ...sections]);
});

test('report: the slider has the images of each epoch, without what is written around them', () => {
  const frames = page.data.sliders.epochs!;
  const images = frames.map(({ source }) => pngOf(source));
  assert.equal(
    images.map(({ width, height, data }) => [width, height, ...data]),
    [
      [2, 2, 1, 1, 1, 1],
      [2, 2, 2, 2, 2, 2],
    ],
  );
  const slider = textOf(page.byId('epochs'));
  assert.match(slider, /7decoded/, 'labels are text of the page');
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

test('report: pictures of epochs that do not say where their images lie are shown as they are', async () => {
  const older = await finishedRun(join(root, 'older'), data, { data: 'few', epochs: 1 });
  older.folder.writeImage('reconstructions-epoch-001.png', encodePng(createRaster(4, 4, 9)));
  const file = await writeReport(older.folder, { ...older, spec, data }, pictures);
  const { frames } = { frames: new ParsedPage(readFileSync(file, 'utf8')).data.sliders.epochs! };
  assert.equal(pngOf(frames[0]!.source).width, 4);
});

test('report: charts are the SVG of the pictures, in the page’s colours', () => {
  const charts = page.all('svg').filter((svg) => attribute(svg, 'role') === 'img');
  const labels = charts.map((svg) => attribute(svg, 'aria-label')!);
  for (const name of ['loss', 'reconstruction', 'kl']) assert.ok(labels.includes(`${name} over steps`), name);
  assert.is(labels.filter((label) => /^posteriors in z\d, \d\.\d\d nats$/.test(label)).length, 3);
  assert.is(labels.filter((label) => /^z\d: μ −?\d\.\d\d ± .*, σ/.test(label)).length, 3);
  const bars = labels.filter((label) => label.startsWith('KL per dimension: '));
  assert.is(bars.length, 2, 'for wide windows, and for narrow ones');
  const values = [...bars[0]!.matchAll(/z\d ([\d.]+) nats/g)].map((match) => Number(match[1]));
  assert.is(values.length, 3);
  assert.equal(
    values,
    [...values].sort((a, b) => b - a),
    'the largest first',
  );
  const used = page.source.match(/(fill|stroke)="#[0-9a-f]{6}"/g) ?? [];
  assert.equal([...new Set(used)], [], 'no colour is fixed');
});

test('report: points are where the codes are, each with its image', () => {
  const { clouds, thumbnails, heldOut } = page.data;
  const { points, labels } = pictures.scatter as Cloud;
  const shown = clouds['cloud-scatter']!;
  assert.is(shown.points.length, 120);
  for (const [i, value] of shown.points.entries())
    assert.ok(Math.abs(value - points[i]!) <= 1e-3 * Math.abs(points[i]!));
  assert.equal(shown.labels, [...labels!]);
  assert.is(shown.images, null, 'each has the image of its own number');
  assert.equal(Object.keys(clouds), ['cloud-scatter', 'cloud-principal']);
  const sprite = pngOf(thumbnails!.source);
  assert.is(sprite.depth, 4);
  const at = (image: number, x: number, y: number) => {
    const [row, column] = [Math.floor(image / 8) * 28 + y, (image % 8) * 28 + x];
    const pair = sprite.data[row * Math.ceil(sprite.width / 2) + Math.floor(column / 2)]!;
    return 17 * (column % 2 === 0 ? pair >> 4 : pair & 15);
  };
  for (const image of [0, 7, 59])
    for (const [x, y] of [
      [14, 14],
      [10, 20],
    ] as const)
      assert.ok(
        Math.abs(at(image, x, y) - data.train.images[image * 784 + y * 28 + x]!) <= 8.5,
        `image ${image}, in 16 levels`,
      );
  const { size: length } = new Set(data.test.labels!);
  assert.is(shown.heldOut.labels!.length, length, 'one digit of each class');
  assert.is(heldOut!.columns, Math.ceil(Math.sqrt(length)));
});

const few = (options: Parameters<typeof finishedRun>[2]) =>
  optionsOf(
    { ...run.config, ...settingsOf(models.get('vae')!, {}), ...options } as typeof run.config,
    models.get('vae')!,
  );

test('command: only what differs from the defaults, quoted for a shell', () => {
  const command = (options: object) => commandOf('vae', few({ data: 'mnist', ...options }));
  const usual = { epochs: 10, logEvery: 10, limit: null, seed: 0 };
  assert.is(command(usual), 'tapegrad train vae');
  assert.is(command({ ...usual, beta: 0.5, limit: 100 }), 'tapegrad train vae --beta 0.5 --limit 100');
  assert.is(
    command({ ...usual, data: `it's here`, tensorboard: false }),
    `tapegrad train vae --data 'it'\\''s here' --no-tensorboard`,
  );
});

test('command: what a folder of images brings along is a default there', () => {
  const config = { ...run.config, pixelMean: 0.5, pixelStd: 0.5 };
  const told = optionsOf(config, spec, { mean: 0.5, std: 0.5 }).filter(({ flag }) =>
    flag.startsWith('pixel'),
  );
  assert.equal(
    told.map(({ differs }) => differs),
    [false, false],
  );
  assert.ok(optionsOf(config, spec).some(({ flag, differs }) => flag === 'pixel-mean' && differs));
});

test('report: a run that has no such picture, no epoch and no images of its epochs', async () => {
  const ae = await finishedRun(join(root, 'ae'), data, { model: 'ae', latent: 2, data: 'few' });
  rmSync(join(root, 'ae', 'images'), { recursive: true });
  rmSync(join(root, 'ae', 'metrics.jsonl'));
  const all = await allPictures(subjectOf(ae.model, data));
  const file = await writeReport(ae.folder, { ...ae, spec: models.get('ae')!, data }, all);
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

// ------------------------------------------------------------------------------------------------ what is alive

test('living: weights keep nine significant bits', () => {
  const values = Float32Array.of(0, 1, -1.5, 0.1, -3.3333, 1e-3, 700, 0.001953125, -(2 ** -14));
  const back = unpackedHalves(packedHalves(values));
  for (const [i, value] of values.entries())
    assert.ok(Math.abs(back[i]! - value) <= Math.abs(value) * 2 ** -9, `${value} became ${back[i]}`);
  assert.equal([...back.subarray(0, 3)], [0, 1, -1.5]);
});

const living: LivingData = JSON.parse(textOf(page.byId('living-data')));

test('living: the model and its codes are in the page', async () => {
  assert.equal([living.model, living.options.network, living.options.latent], ['vae', 'mlp', 3]);
  assert.equal(living.order, await subject.dimensions());
  assert.equal(
    living.tensors.map(([name]) => name),
    [...run.model.stateDict().keys()],
  );
  assert.equal(
    living.panels!.panels.map(({ dimension }) => dimension),
    living.order,
  );
  const hidden = page.elements.filter((element) => attribute(element, 'hidden') !== undefined);
  assert.ok(hidden.some((element) => attribute(element, 'id') === 'section-living'));
});

test('living: what it adds to the page of the default vae stays below a megabyte', async () => {
  const model = spec.build([1, 28, 28], settingsOf(spec), new Generator(0, { device: referenceDevice }));
  const big = { ...reported, model, subject: new Subject(model, subject.data, { heldOut: subject.heldOut }) };
  const file = await writeReport(
    run.folder,
    { ...big, config: { ...run.config, ...settingsOf(spec) } },
    pictures,
  );
  const bigPage = new ParsedPage(readFileSync(file, 'utf8'));
  const sizes = ['living-data', 'living-script'].map((id) => textOf(bigPage.byId(id)).length);
  assert.ok(sizes[0]! + sizes[1]! < 1e6, `${sizes}`);
  await writeReport(run.folder, reported, pictures);
});

test('living: in a browser with WebGPU the decoder answers', async () => {
  await inChromium(async (tab) => {
    const faults: string[] = [];
    tab.on('pageerror', (error) => faults.push(String(error)));
    tab.on('console', (message) => {
      // How this test reads pixels is no concern of the page.
      if (message.type() !== 'log' && !message.text().startsWith('Canvas2D')) faults.push(message.text());
    });
    tab.on('request', (request) => {
      if (!/^(file|data):/.test(request.url())) faults.push(`asked for ${request.url()}`);
    });
    await tab.setViewport({ width: 1200, height: 900 });
    await tab.goto(pathToFileURL(path).href);
    await tab.waitForSelector('[data-alive="true"]', { timeout: 60_000 });
    const pixels = (selector: string) =>
      tab.$eval(selector, (element) => {
        const canvas = element as HTMLCanvasElement;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return Array.from(data).filter((_, i) => i % 4 === 0);
      });
    const until = async (what: string, isSo: () => Promise<boolean>) => {
      for (let tries = 0; tries < 200; tries++) {
        if (await isSo()) return;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
      throw new Error(`not within ten seconds: ${what}`);
    };
    /** Waits until the image of a code is shown, as the reference decodes it, but for rounding. */
    const shows = async (code: number[], what: string) => {
      const levels = Array.from(
        await subject.decode(Float32Array.from(code)),
        (value) => Math.min(1, Math.max(0, value)) * 255,
      );
      await until(what, async () => {
        const seen = await pixels('.decoded');
        return seen.length === levels.length && levels.every((value, i) => Math.abs(value - seen[i]!) < 4);
      });
    };
    await shows([0, 0, 0], 'the middle');
    const [first] = living.order as [number];
    await tab.focus(`[data-dimension="${first}"]`);
    await tab.keyboard.press('End');
    await shows(
      [0, 1, 2].map((d) => (d === first ? 3 : 0)),
      'a slider at its end',
    );
    await tab.click('[data-reset]');
    await shows([0, 0, 0], 'the middle again');

    // The middle of the upper right image of the plane, by mouse.
    const field = (await (await tab.$('.field'))!.boundingBox())!;
    await tab.mouse.move(field.x + field.width * (1 - 1 / 26), field.y + field.height / 26);
    const plane = living.order.slice(0, 2);
    await shows(
      [0, 1, 2].map((d) => (plane.includes(d) ? 3 : 0)),
      'a corner of the plane',
    );

    const samples = await pixels('.drawn');
    await tab.click('[data-samples]');
    await until('other samples', async () => String(await pixels('.drawn')) !== String(samples));

    const pad = (await tab.$('.pad-ground'))!;
    await pad.scrollIntoView();
    const ground = (await pad.boundingBox())!;
    await tab.mouse.move(ground.x + 60, ground.y + 30);
    await tab.mouse.down();
    await tab.mouse.move(ground.x + 80, ground.y + 120, { steps: 5 });
    await tab.mouse.up();
    await tab.waitForSelector('.own-curve');
    assert.is((await tab.$$('.own-curve')).length, 3, 'a curve in each panel');
    await tab.click('[data-clear]');
    assert.is((await tab.$$('.own-curve')).length, 0);
    assert.equal(faults, []);
  });
});

test('living: without WebGPU the pictures are all there is, and nothing is missed', async () => {
  await inChromium(async (tab) => {
    const faults: string[] = [];
    tab.on('pageerror', (error) => faults.push(String(error)));
    await tab.evaluateOnNewDocument(() => {
      Object.defineProperty(navigator, 'gpu', { value: undefined });
    });
    await tab.goto(pathToFileURL(path).href);
    await tab.waitForSelector('[data-alive="false"]');
    const shown = await tab.$$eval('[data-living]', (elements) =>
      elements
        .filter((element) => (element as HTMLElement).offsetParent !== null)
        .map(({ tagName }) => tagName),
    );
    assert.equal(shown, []);
    assert.equal(faults, []);
  });
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
    assert.match(tip, /^class \d, (training image \d+|held-out image), at \(/);
    const tipWidth = await tab.$eval('#cloud-scatter .tip', (element) => element.clientWidth);
    const imageWidth = await tab.$eval('#cloud-scatter .tip canvas', (element) => element.clientWidth);
    assert.is(tipWidth, imageWidth, 'the tip is as wide as its image');
    const inked = await tab.$eval('#cloud-scatter .tip canvas', (element) => {
      const canvas = element as HTMLCanvasElement;
      return canvas
        .getContext('2d')!
        .getImageData(0, 0, 28, 28)
        .data.some((v, i) => i % 4 === 0 && v > 128);
    });
    assert.ok(inked, 'the image of the point is drawn');

    // By keyboard: the first held-out image, from there on by arrows, and out again.
    const said = () =>
      tab.$eval('#cloud-scatter .tip', (element) =>
        (element as HTMLElement).hidden ? '' : element.textContent!,
      );
    await tab.mouse.move(0, 0);
    await tab.focus('#cloud-scatter [data-digits]');
    await tab.keyboard.press('Tab');
    const first = await said();
    assert.match(first, /^class 0, held-out image, at /);
    const seen = new Set([first]);
    for (const key of ['ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowDown'] as const) {
      await tab.keyboard.press(key);
      seen.add(await said());
    }
    assert.ok(seen.size > 2, `arrows go from image to image: ${[...seen].join('; ')}`);
    await tab.keyboard.press('+');
    await tab.keyboard.press('0');
    await tab.keyboard.press('Escape');
    assert.is(await said(), '');

    const legend = await tab.$$eval('.u-legend .u-value', (values) =>
      values.map(({ textContent }) => textContent),
    );
    assert.not(legend.includes('--') || legend.includes('–'), `the legend has values: ${legend}`);
    const tops = await tab.$$eval('.uplot', (charts) =>
      charts.map((chart) => chart.getBoundingClientRect().top),
    );
    assert.is(tops[0], tops[1], `charts of a row begin at one height: ${tops}`);
    await tab.$eval('#section-kl', (section) => section.scrollIntoView());
    await tab.waitForSelector('.toc a[href="#section-kl"][aria-current]');
    const toc = await tab.$eval('.toc', (nav) => nav.getBoundingClientRect().top);
    assert.ok(toc >= 0, 'the table of contents stays in sight');

    // In the dark nothing is white but letters.
    await tab.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: 'dark' }]);
    const light = await tab.$$eval('body *', (elements) =>
      elements
        .filter((element) => getComputedStyle(element).backgroundColor === 'rgb(255, 255, 255)')
        .map(({ tagName, className }) => `${tagName} ${className}`),
    );
    assert.equal(light, []);

    // For fingers: as large as they are, and in their words.
    await tab.setViewport({ width: 390, height: 800, hasTouch: true, isMobile: true });
    await tab.reload();
    await tab.waitForSelector('[data-ready="true"]');
    const small = await tab.$$eval('button, summary, input, .toc a', (elements) =>
      elements
        .map((element) => (element.closest('label') ?? element).getBoundingClientRect().height)
        .filter((high) => high < 44),
    );
    assert.equal(small, []);
    const words = await tab.$eval('#section-scatter', (section) => (section as HTMLElement).innerText);
    assert.match(words, /two fingers/);
    assert.not.match(words, /Ctrl/);
    assert.ok((await tab.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0);
    assert.equal(faults, []);
  });
});

test.run();
