import { type Device, openBrowserDevice, referenceDevice } from '@tapegrad/tensor';
import { fetchDigits, type ImageSet } from '../data/images.ts';
import type { RunFiles } from '../train/protocol.ts';
import { fileNames } from '../train/run-config.ts';
import { serve } from '../ui/rpc.ts';
import { Explorer } from './explorer.ts';

/** Test images that are encoded: the reference, in JavaScript, is slow. */
const COUNT = { gpu: 1000, reference: 60 } as const;

let device: Promise<Device> | undefined;
let digits: Promise<ImageSet> | undefined;
let explorer: Explorer | undefined;

const current = (): Explorer => {
  if (!explorer) throw new Error('no model is open');
  return explorer;
};

const handlers = {
  /** Opens a run: of the files given, or the one that lies beside the page. */
  async open({ base, files, hasGpu }: { base: string; files?: RunFiles | undefined; hasGpu: boolean }) {
    device ??= hasGpu ? openBrowserDevice() : Promise.resolve(referenceDevice);
    digits ??= fetchDigits(base);
    const run = files ?? (await packed(base));
    const where = await device;
    const count = hasGpu ? COUNT.gpu : COUNT.reference;
    const { explorer: made, opened } = await Explorer.open(run, await digits, where, count);
    explorer?.dispose();
    explorer = made;
    return { ...opened, adapter: where.name };
  },
  decode: (codes: Float32Array) => current().decode(codes),
  encode: (pixels: Uint8Array) => current().encode(pixels),
  draw: (seed: number) => current().draw(seed),
};

export type ExploreHandlers = typeof handlers;

async function packed(base: string): Promise<RunFiles> {
  const read = async (name: string) => {
    const url = new URL(`recorded/vae/${name}`, base);
    const response = await fetch(url);
    if (!response.ok) throw new Error(`${url} answers ${response.status}: reload the page`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const names = [fileNames.config, fileNames.weights];
  return Object.fromEntries(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
}

serve(handlers);
