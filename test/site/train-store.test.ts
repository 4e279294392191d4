/* Runs without an adapter. */
import { zipSync } from 'fflate';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { keptRuns } from '../../site/src/data/run-store.ts';
import { defaultExperiment } from '../../site/src/train/experiment.ts';
import { droppedFiles, readFiles } from '../../site/src/train/files.ts';
import type { FromTrainer, OwnImages, RunFiles, ToTrainer } from '../../site/src/train/protocol.ts';
import { TrainStore } from '../../site/src/train/store.ts';

/* What the page that trains knows of its runs, with a worker that only listens. */

const files = (data: string): RunFiles => ({
  'config.json': new TextEncoder().encode(JSON.stringify({ model: 'ae', data })),
});
const images = (count: number): OwnImages => ({
  name: `${count} images of yours`,
  shape: [1, 28, 28],
  pixels: new Uint8Array(count * 784),
});
const experiment = defaultExperiment('ae');

Object.assign(globalThis, {
  location: { href: 'https://example.org/train/' },
  requestAnimationFrame: (draw: () => void) => setTimeout(draw),
});

const kept = new Map<string, unknown>();

/** From now on the browser keeps runs: as much of IndexedDB as that takes. */
function startKeeping(): void {
  const settle = <T extends object>(request: T & { onsuccess?: () => void }) => {
    queueMicrotask(() => request.onsuccess?.());
    return request;
  };
  const objectStore = () => ({
    put: (value: unknown, key: string) => kept.set(key, structuredClone(value)),
    getAll: () => settle({ result: [...kept.values()] }),
    getAllKeys: () => settle({ result: [...kept.keys()] }),
    transaction: settle({}),
  });
  const result = { transaction: () => ({ objectStore }) };
  Object.assign(globalThis, { indexedDB: { open: () => settle({ result }) } });
}

/** A store, what it said to its worker last, and the worker's answers. */
function makeStore() {
  const sent: ToTrainer[] = [];
  const store = new TrainStore(
    () => ({ postMessage: (message: ToTrainer) => sent.push(message) }) as unknown as Worker,
  );
  const started = () => sent.findLast((message) => message.kind === 'start')!;
  const answer = (...messages: FromTrainer[]) => {
    for (const message of messages) store.receive(message);
  };
  const answerSave = (now: RunFiles) =>
    answer({ kind: 'files', id: sent.findLast((message) => message.kind === 'save')!.id, files: now });
  return { store, started, answer, answerSave };
}

const running = { kind: 'state', state: 'running' } as const;

// First, while there is no IndexedDB, as in some private windows.
test('a run that the browser does not keep cannot be left for Explore', async () => {
  const { store, answer, answerSave } = makeStore();
  const run = store.start(experiment);
  answer(running);
  const keeping = store.keep(run).then(String, (error: Error) => error.message);
  answerSave(files('mnist'));
  assert.match(await keeping, /^this browser keeps no runs here .*: save the run, and open its zip/);
});

test('the page can go without a question only if what it trains was kept as it is', async () => {
  startKeeping();
  const { store, answer, answerSave } = makeStore();
  const first = store.start(experiment);
  answer(running);
  const now = files('mnist');
  const keepNow = async (run: typeof first) => {
    const keeping = store.keep(run);
    answerSave(now);
    return keeping;
  };
  assert.is(await keepNow(first), true);
  assert.is((kept.get(first.id) as typeof first).files!['config.json']!.length, now['config.json']!.length);

  // While it pauses, the files of before are not all that it has learned.
  store.pause();
  const later = { ...files('mnist'), 'metrics.jsonl': new Uint8Array(1) };
  const keeping = store.keep(first);
  answerSave(later);
  assert.is(await keeping, true);
  assert.is(first.files, later);

  const second = store.start({ ...experiment, seed: 1 });
  answer({ kind: 'state', state: 'paused' }, running);
  assert.is(second.state, 'running');
  assert.is(await store.keep(first), false, 'another run trains');
  assert.is(await keepNow(second), true);
  answer({ kind: 'state', state: 'done' });
  assert.is(await store.keep(first), true, 'nothing trains');
});

test('a run from files is one on images of one’s own if its config.json says so', () => {
  const { store, started, answer } = makeStore();
  const run = store.start(experiment, undefined, files('20 images of yours'));
  assert.is(run.experiment.data, 'own');
  assert.is(started().own, undefined);
  answer({ kind: 'failed', message: 'drop them onto the page first' });
  // The wrong ones are not what it is tied to.
  for (const count of [30, 20]) {
    store.go(run, images(count));
    assert.is(started().own!.name, `${count} images of yours`);
    answer(count === 20 ? running : { kind: 'failed', message: 'others' });
  }
  answer({ kind: 'state', state: 'paused' });
  const mnist = store.start(experiment, images(20), files('mnist'));
  assert.is(mnist.experiment.data, 'mnist');
  assert.is(started().own, undefined);
  answer(running, { kind: 'state', state: 'paused' });
  store.go(run, images(30));
  assert.is(started().own!.name, '20 images of yours', 'those that it was trained on');
  assert.is(makeStore().store.start(experiment, images(20)).experiment.data, 'own');
});

test('runs that earlier versions kept as MNIST’s are told by their files', async () => {
  kept.clear();
  const old = {
    experiment,
    files: files('20 images of yours'),
    created: 1,
    curve: { steps: [], metrics: {} },
  };
  kept.set('a', { ...old, id: 'a', epochs: [], betas: [] });
  kept.set('b', { ...old, id: 'b', created: 2, files: files('mnist') });
  kept.set('c', { ...old, id: 'c', created: 3, files: undefined });
  assert.equal(
    (await keptRuns()).map((run) => run.experiment.data),
    ['own', 'mnist', 'mnist'],
  );
});

// ------------------------------------------------------------------------------------------------ what is dropped

const picture = (name: string) => new File(['x'], name, { type: 'image/png' });

/** What a browser has of a dropped file or folder: `content` by name. */
type Content = File | { readonly [name: string]: Content };
function entryOf(name: string, content: Content, parent = ''): object {
  const fullPath = `${parent}/${name}`;
  if (content instanceof File)
    return { name, fullPath, isFile: true, file: (give: (file: File) => void) => give(content) };
  const parts = [Object.entries(content).map(([inner, file]) => entryOf(inner, file, fullPath)), []];
  const createReader = () => ({ readEntries: (give: (part: object[]) => void) => give(parts.shift()!) });
  return { name, fullPath, isFile: false, createReader };
}
const drop = (items: readonly { entry?: object; file?: File }[]) =>
  droppedFiles({
    items: items.map(({ entry, file }) => ({
      webkitGetAsEntry: () => entry ?? null,
      getAsFile: () => file ?? null,
    })),
  } as unknown as DataTransfer);

test('images that are dropped together with a run are used, those in its folder are what it drew', async () => {
  const zip = new File([zipSync(files('2 images of yours')) as Uint8Array<ArrayBuffer>], 'run.zip');
  const config = new File([files('mnist')['config.json'] as Uint8Array<ArrayBuffer>], 'config.json');
  const folder = { run: { 'config.json': config, images: { 'drawn.png': picture('drawn.png') } } };
  for (const run of [entryOf('run.zip', zip), entryOf('parent', folder)]) {
    const mine = entryOf('mine', { 'b.png': picture('b.png'), 'a.png': picture('a.png') });
    const read = await readFiles(await drop([{ entry: run }, { entry: mine }]));
    assert.ok(read.run!['config.json']);
    assert.equal(
      read.images.map(({ name }) => name),
      ['a.png', 'b.png'],
    );
  }
});

test('an image of another page is taken, and what is no file is named', async () => {
  assert.equal(
    (await drop([{}, { file: picture('page.png') }])).map(({ name }) => name),
    ['page.png'],
  );
  assert.match(
    await drop([{}]).then(
      () => '',
      (error: Error) => error.message,
    ),
    /^what was dropped is no file: save it first/,
  );
});

test.run();
