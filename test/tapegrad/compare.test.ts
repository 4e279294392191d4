/* Runs without an adapter. */

import { appendFileSync, existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { referenceDevice } from '@tapegrad/tensor';
import { decode } from 'fast-png';
import { UserError, writeComparison } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { finishedRun } from '../helpers/finished.ts';
import { assertSelfContained, attribute, ParsedPage, textOf } from '../helpers/page.ts';
import { fewDigits, temporaryFolder, writeIdx } from '../helpers/runs.ts';

const root = temporaryFolder();
const few = fewDigits(40, 30);
const digits = writeIdx(join(root, 'digits'), few);
const make = async (name: string, options: object) => {
  await finishedRun(join(root, name), few, { data: digits, ...options });
  return join(root, name);
};
const betas = [
  await make('b-small', { beta: 0.01, loss: 1 }),
  await make('b-large', { beta: 1, loss: 3 }),
  await make('b-middle', { beta: 0.1, loss: 2 }),
];
const compared = async (runs: string[], name: string) => {
  const paths = await writeComparison(runs, join(root, name), { device: referenceDevice });
  return { ...paths, page: new ParsedPage(readFileSync(paths.html, 'utf8')) };
};
const notesOf = (page: ParsedPage) =>
  page.elements.filter((element) => attribute(element, 'class') === 'note').map(textOf);

test('compare: one page and one picture, whole', async () => {
  const { html, png, page } = await compared(betas, 'compare.html');
  assert.equal([html, png], [join(root, 'compare.html'), join(root, 'compare.png')]);
  assertSelfContained(page);
  const { width, height } = decode(readFileSync(png));
  // Three times eight images of 56 pixels, and below them the ten held-out ones.
  assert.ok(width > 3 * 8 * 56 && height > 10 * 56, `${width} x ${height}`);
});

test('compare: what differs, the metrics, and how runs are told apart', async () => {
  const { page } = await compared(betas, 'metrics.html');
  const [options, metrics] = page.all('table').map(textOf);
  assert.is(options, 'beta 0.01beta 1beta 0.1beta0.0110.1', 'only β differs');
  assert.match(metrics!, /test loss0\.50000?1\.50001test reconstruction0\.37500/);
  assert.match(metrics!, /elbo, nats−50−150−100/);
  assert.match(notesOf(page).join(), /The losses are different sums .*: compare their parts/);
});

test('compare: metrics against the one option that differs, in its order, on a logarithmic scale', async () => {
  const { page } = await compared(betas, 'sweep.html');
  const sweep = page.data.curves['group-0-sweep-test-loss']!;
  assert.is(sweep.xLabel, 'beta');
  assert.is(sweep.logX, true);
  assert.equal(sweep.curves[0]!.x, [0.01, 0.1, 1]);
  assert.equal(sweep.curves[0]!.y, [0.5, 1, 1.5]);
  const overlaid = page.data.curves['group-0-curve-kl']!.curves.filter(({ faint }) => !faint);
  assert.equal(
    overlaid.map(({ name, x, y }) => [name, x, y]),
    [
      ['beta 0.01', [1, 2], [0.25, 0.125]],
      ['beta 1', [1, 2], [0.75, 0.375]],
      ['beta 0.1', [1, 2], [0.5, 0.25]],
    ],
  );
});

test('compare: several seeds are lines of their own', async () => {
  const seeded = [
    await make('s1', { beta: 0.01, seed: 1, loss: 4 }),
    await make('s2', { beta: 1, seed: 1, loss: 5 }),
  ];
  const { page } = await compared([...betas, ...seeded], 'seeds.html');
  const { curves } = page.data.curves['group-0-sweep-test-loss']!;
  assert.equal(
    curves.map(({ name, x, y }) => [name, x, y]),
    [
      ['seed 0', [0.01, 0.1, 1], [0.5, 1, 1.5]],
      ['seed 1', [0.01, 1], [2, 2.5]],
    ],
  );
});

test('compare: of many runs only the test curves are drawn', async () => {
  const seeded = [];
  for (let seed = 2; seed < 6; seed++) seeded.push(await make(`seed-${seed}`, { beta: 0.01, seed }));
  const { page } = await compared([...betas, ...seeded], 'many.html');
  const { curves } = page.data.curves['group-0-curve-loss']!;
  assert.equal([curves.length, curves.some(({ faint }) => faint)], [7, false]);
  assert.equal(
    curves.map(({ color }) => color),
    [0, 1, 2, 3, 4, 5, 6],
  );
});

test('compare: the three losses, which are words and no numbers', async () => {
  const runs = [
    await make('both', {}),
    await make('reconstruction', { terms: 'reconstruction' }),
    await make('kl', { terms: 'kl' }),
  ];
  const { page } = await compared(runs, 'terms.html');
  assert.not.match(page.source, /Metrics against/);
  assert.match(textOf(page.all('header')[0]!), /terms both · terms reconstruction · terms kl/);
});

test('compare: runs that measure differently have charts of their own, and it is said', async () => {
  const runs = [
    betas[0]!,
    await make('bernoulli', { model: 'ae', likelihood: 'bernoulli', latent: 5, epochs: 3 }),
  ];
  const { page } = await compared(runs, 'different.html');
  const notes = notesOf(page).join('\n');
  assert.match(notes, /measure their losses alike .*separate charts/);
  assert.match(notes, /different numbers of epochs \(2, 3\)/);
  assert.ok(page.data.curves['group-0-curve-loss'] && page.data.curves['group-1-curve-loss']);
  assert.match(
    textOf(page.all('header')[0]!),
    /b-small · bernoulli/,
    'many options differ: folders tell them apart',
  );
});

const broken = async (name: string, harm: (path: string) => void) => {
  const path = await make(name, {});
  harm(path);
  return path;
};
const bad: [what: string, runs: () => Promise<string[]>, message: RegExp][] = [
  ['one run', async () => [betas[0]!], /two runs or more/],
  ['the same run twice', async () => [betas[0]!, betas[1]!, betas[0]!], /b-small: named twice/],
  [
    'a run that is not there',
    async () => [betas[0]!, join(root, 'b-smal')],
    /b-smal: no such run folder; did you mean .*b-small/,
  ],
  [
    'a run without an epoch',
    async () => [betas[0]!, await broken('none', (path) => truncateSync(join(path, 'metrics.jsonl')))],
    /none: no epoch of the run is complete/,
  ],
  [
    'broken weights',
    async () => [
      betas[0]!,
      await broken('torn', (path) => truncateSync(join(path, 'weights.safetensors'), 100)),
    ],
    /torn.weights\.safetensors: broken/,
  ],
  [
    'weights of another model',
    async () => [
      betas[0]!,
      await broken('other', (path) => {
        const config = JSON.parse(readFileSync(join(path, 'config.json'), 'utf8'));
        writeFileSync(join(path, 'config.json'), JSON.stringify({ ...config, latent: 4 }));
      }),
    ],
    /other.weights\.safetensors: weights of another architecture/,
  ],
  [
    'broken metrics',
    async () => [
      betas[0]!,
      await broken('lines', (path) => appendFileSync(join(path, 'metrics.jsonl'), 'x\n')),
    ],
    /metrics\.jsonl: line 7: it is not a JSON object/,
  ],
];
for (const [what, runs, message] of bad) {
  test(`compare: refuses ${what}, before anything is written`, async () => {
    const out = join(root, 'refused', 'compare.html');
    const error = await writeComparison(await runs(), out, { device: referenceDevice }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    if (!(error instanceof UserError)) throw error ?? new Error('it was not refused');
    assert.match(error.message, message);
    assert.not(existsSync(join(root, 'refused')));
  });
}

test('compare: leaves no temporary files', () => {
  assert.equal(
    readdirSync(root).filter((name) => name.startsWith('.')),
    [],
  );
});

test.run();
