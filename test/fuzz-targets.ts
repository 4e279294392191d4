import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { decodeTorchFile } from '@tapegrad/interchange';
import { decodeSafetensors, encodeSafetensors, type SafetensorsEntry } from '@tapegrad/nn';
import { readTuned, tuneCachePath } from '@tapegrad/node';
import { referenceDevice, setDefaultDevice } from '@tapegrad/tensor';
import { models, settingsOf, Trainer } from '@tapegrad/vae';
import { encode as encodePng } from 'fast-png';
import { unzipSync, zipSync } from 'fflate';
import sharp from 'sharp';
import { openDecoder } from '../packages/tapegrad/src/data/decode.ts';
import { readIdx } from '../packages/tapegrad/src/data/idx.ts';
import { readImageCache, writeImageCache } from '../packages/tapegrad/src/data/image-cache.ts';
import { readRunConfig } from '../packages/tapegrad/src/run/run.ts';
import { RunFolder } from '../packages/tapegrad/src/run/run-folder.ts';
import type { FuzzTarget } from './helpers/fuzz.ts';

/* Every parser of bytes that may come from anywhere, with good inputs to mutate. */

const golden = (name: string) =>
  new Uint8Array(readFileSync(new URL(`interchange/golden/${name}`, import.meta.url)));
const bytes = (text: string) => new TextEncoder().encode(text);

/** A file at `path` for a parser that wants one. */
const inFile =
  (path: string, parse: (path: string) => unknown) =>
  (input: Uint8Array): unknown => {
    writeFileSync(path, input);
    return parse(path);
  };

/** A pickle inside a good zip, whose checksums would otherwise keep most mutations from it. */
function inZip(name: string): { seed: Uint8Array; wrap: (pickle: Uint8Array) => Uint8Array } {
  const files = unzipSync(golden(name));
  const pickle = Object.keys(files).find((key) => key.endsWith('data.pkl'))!;
  return { seed: files[pickle]!, wrap: (data) => zipSync({ ...files, [pickle]: data }, { level: 0 }) };
}

const tensors = new Map<string, SafetensorsEntry>([
  ['layer.weight', { dtype: 'float32', shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
  ['steps', { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) }],
]);

const config = {
  model: 'vae-mlp',
  ...settingsOf(models.get('vae-mlp')!, {}),
  ...{ data: 'mnist', seed: 0, limit: null, logEvery: 10, imageShape: [1, 28, 28], parameters: 652824 },
  checksums: { 'train-images-idx3-ubyte': 'ba891046' },
  adapter: { name: 'lavapipe', driver: 'Mesa', kind: 'lavapipe' },
};

const idx = (shape: readonly number[], data: Uint8Array) => {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x800 | shape.length);
  for (const [axis, extent] of shape.entries()) header.writeUInt32BE(extent, 4 + 4 * axis);
  return new Uint8Array(Buffer.concat([header, data]));
};

/** A trainer on the reference device, and what it saves. */
async function trainerAndState(): Promise<{ trainer: Trainer; state: Uint8Array }> {
  setDefaultDevice(referenceDevice);
  const spec = models.get('vae-mlp')!;
  const pixels = { images: Uint8Array.from({ length: 4 * 16 }, (_, i) => 16 * i), count: 4 };
  const options = {
    ...settingsOf(spec, { latent: 2, hidden: 3, batchSize: 2 }),
    seed: 0,
    binarize: 'none' as const,
  };
  const trainer = new Trainer(spec, { shape: [1, 4, 4], train: pixels, test: pixels }, {
    ...options,
    device: referenceDevice,
  } as never);
  const { tensors: saved, metadata } = await trainer.checkpoint();
  return { trainer, state: encodeSafetensors(saved, metadata) };
}

/** The targets; files that parsers want are made in `folder`. */
export async function fuzzTargets(folder: string): Promise<FuzzTarget[]> {
  const pickles = ['tensors.pt', 'namespace.pt', 'whole.pt'].map(inZip);
  const wrapped = new Map(pickles.map(({ seed, wrap }) => [seed, wrap]));
  const at = (name: string) => join(folder, name);

  const adapter = { name: 'fuzzed', driver: '1' };
  const environment = { XDG_CACHE_HOME: folder };
  const tuned = tuneCachePath(adapter, environment);
  mkdirSync(dirname(tuned), { recursive: true });
  writeImageCache(at('seed.images'), {
    pixels: new Uint8Array(48),
    hashes: new Uint8Array(96),
    bad: [[1, 'truncated']],
  });

  const run = await RunFolder.claim(at('run'));
  run.writeConfig(config);
  const { trainer, state } = await trainerAndState();

  const images = {
    width: 9,
    height: 7,
    channels: 3 as const,
    data: new Uint8Array(9 * 7 * 3).map((_, i) => 3 * i),
  };
  const raw = () => sharp(images.data, { raw: images });
  const decode = await openDecoder();
  return [
    {
      name: 'files of torch.save',
      seeds: ['tensors.pt', 'namespace.pt', 'whole.pt'].map(golden),
      parse: (file) => decodeTorchFile(file),
    },
    {
      name: 'pickles',
      seeds: pickles.map(({ seed }) => seed),
      parse: (pickle, seed) => decodeTorchFile(wrapped.get(seed)!(pickle), 'state_dict'),
    },
    { name: 'safetensors', seeds: [encodeSafetensors(tensors, { format: 'pt' })], parse: decodeSafetensors },
    {
      name: 'state.safetensors',
      seeds: [state],
      parse: (file) => {
        const { tensors: found, metadata } = decodeSafetensors(file);
        trainer.restore(found, metadata);
      },
    },
    {
      name: 'config.json',
      seeds: [bytes(JSON.stringify(config))],
      parse: inFile(run.file('config.json'), () => readRunConfig(RunFolder.open(run.path))),
    },
    {
      name: 'metrics.jsonl',
      seeds: [
        bytes(
          '{"kind":"step","step":10,"loss":0.5}\n{"kind":"epoch","epoch":1,"steps":10,"train":{"loss":1}}\n',
        ),
      ],
      parse: inFile(run.file('metrics.jsonl'), () => run.readMetrics()),
    },
    {
      name: 'IDX',
      seeds: [idx([3, 4, 4], new Uint8Array(48)), idx([3], new Uint8Array(3))],
      parse: inFile(at('idx'), (path) => readIdx(path)),
    },
    {
      name: 'IDX, gzipped',
      seeds: [new Uint8Array(gzipSync(idx([3, 4, 4], new Uint8Array(48))))],
      parse: inFile(at('idx.gz'), (path) => readIdx(path)),
    },
    {
      name: 'tuning cache',
      seeds: [
        bytes(
          JSON.stringify({
            version: 1,
            adapter: 'fuzzed',
            driver: '1',
            choices: { '1 2 3': { variant: 'naive', parts: 1 } },
          }),
        ),
      ],
      parse: inFile(tuned, () => readTuned(adapter, environment)),
    },
    {
      name: 'image cache',
      seeds: [new Uint8Array(readFileSync(at('seed.images')))],
      parse: inFile(at('mutated.images'), (path) => existsSync(path) && readImageCache(path)),
    },
    {
      name: 'PNG',
      seeds: [encodePng(images), new Uint8Array(await raw().greyscale().png({ palette: true }).toBuffer())],
      parse: decode,
    },
    {
      name: 'JPEG',
      seeds: [
        new Uint8Array(await raw().jpeg().toBuffer()),
        new Uint8Array(await raw().jpeg({ progressive: true }).toBuffer()),
      ],
      parse: decode,
    },
  ];
}
