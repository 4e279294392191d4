/* Runs on the fastest adapter, for long. */
import { execFile, execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { noGrad } from '@tapegrad/autograd';
import { decodeSafetensors, encodeSafetensors, loadStateDict } from '@tapegrad/nn';
import { Generator, setDefaultDevice } from '@tapegrad/tensor';
import { type Autoencoder, models, settingsOf } from '@tapegrad/vae';
import { loadData, openRun } from 'tapegrad/node';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { builtCommand } from '../helpers/built.ts';
import { adapter, device, on } from '../helpers/device.ts';

/*
 * Weights travel to PyTorch and back: test/vae/golden/torch_models.py has the models as a PyTorch user would write them, and takes
 * weights strictly by name. Needs Debian's python3-torch, or TAPEGRAD_PYTHON naming a Python that has torch; without it,
 * test/vae/golden.test.ts alone compares with PyTorch.
 */

const PYTHON = process.env.TAPEGRAD_PYTHON ?? '/usr/bin/python3';
const COUNT = 16;
const run = promisify(execFile);
const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url));

const torch = (...args: string[]) => run(PYTHON, ['-B', path('../vae/golden/torch_models.py'), ...args]);

function hasTorch(): boolean {
  try {
    execFileSync(PYTHON, ['-c', 'import torch, numpy'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const interchange = suite<{ folder: string }>('interchange');
const test = hasTorch() ? interchange : interchange.skip;
if (test === interchange.skip) {
  console.log(
    `SKIPPED: ${PYTHON} has no torch (Debian: apt install python3-torch); weights were not exchanged with it`,
  );
}

interchange.before((context) => {
  setDefaultDevice(device);
  context.folder = mkdtempSync(join(tmpdir(), 'tapegrad-interchange-'));
});
interchange.after(({ folder }) => rmSync(folder, { recursive: true, force: true }));

/** Real digits that no model has seen. */
const mnist = await loadData({ data: 'mnist', limit: null, binarize: 'none', seed: 0 });
const digits = (): Uint8Array => mnist.test.images.slice(0, COUNT * 784);

/** Codes and reconstructions by our model. */
async function ours(model: Autoencoder) {
  const { scale, shift } = model.normalization;
  const x = on(
    device,
    [COUNT, 1, 28, 28],
    Float32Array.from(digits(), (byte) => byte * scale + shift),
  );
  const [mean, reconstruction] = noGrad(() => [model.encode(x).mean, model.forward(x)]);
  return {
    mean: Float64Array.from(await mean!.data()),
    reconstruction: Float64Array.from(await reconstruction!.data()),
  };
}

/** The same by PyTorch, from a file of weights. */
async function theirs(folder: string, name: string, weights: string) {
  const [images, results] = [join(folder, 'images.safetensors'), join(folder, `${name}-results.safetensors`)];
  const entry = { dtype: 'uint8', shape: [COUNT, 1, 28, 28], data: digits() } as const;
  writeFileSync(images, encodeSafetensors(new Map([['images', entry]])));
  await torch('run', name, weights, images, results);
  const { tensors } = decodeSafetensors(readFileSync(results));
  const of = (key: string) => Float64Array.from(tensors.get(key)!.data as Float32Array);
  return { mean: of('mean'), reconstruction: of('reconstruction') };
}

const greatest = (values: Float64Array) => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

/** Both are float32: 1e-4 in pixels and, for the codes, of their largest element. */
async function agree(folder: string, name: string, model: Autoencoder, weights: string): Promise<void> {
  const [actual, expected] = [await ours(model), await theirs(folder, name, weights)];
  for (const key of ['mean', 'reconstruction'] as const) {
    const [a, e] = [actual[key], expected[key]];
    assert.is(a.length, e.length);
    const largest = greatest(e);
    assert.ok(largest > 1e-2, `${key} is not all but zero: ${largest}`);
    const error = greatest(e.map((value, i) => value - a[i]!));
    const allowed = 1e-4 * Math.min(1, largest);
    assert.ok(error <= allowed, `${name}: ${key} differs by ${error}, allowed ${allowed}`);
  }
}

for (const name of ['ae', 'vae', 'vae-mlp']) {
  test(`${name}: PyTorch loads weights.safetensors of a run and reconstructs the same (${adapter})`, async ({
    folder,
  }) => {
    const out = join(folder, name);
    const options = ['--limit', '512', '--batch-size', '64', '--epochs', '1', '--out', out];
    const chosen = ['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto'];
    await run(process.execPath, [await builtCommand(), 'train', name, ...options, ...chosen]);
    const { model } = openRun(out, device);
    await agree(folder, name, model, join(out, 'weights.safetensors'));
  });

  test(`${name}: weights that PyTorch initialized load here and reconstruct the same (${adapter})`, async ({
    folder,
  }) => {
    const weights = join(folder, `${name}-torch.safetensors`);
    await torch('new', name, '7', weights);
    const spec = models.get(name)!;
    const model = spec.build([1, 28, 28], settingsOf(spec), new Generator(0, { device }));
    const report = loadStateDict(model, readFileSync(weights));
    assert.equal([report.missing, report.unexpected], [[], []]);
    await agree(folder, name, model, weights);
  });
}

interchange.run();
