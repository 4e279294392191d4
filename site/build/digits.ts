import { gzipSync } from 'node:zlib';
import { loadDataset } from 'tapegrad/node';
import type { Plugin } from 'vite';
import { DIGITS, digitsFile } from '../src/data/digits-format.ts';

/** MNIST's first images, labels and pixels, in one gzipped file. Built from the original files, whose checksums are checked. */
export async function packDigits(): Promise<Uint8Array> {
  const { train, test } = await loadDataset('mnist');
  const parts = [
    train.labels!.subarray(0, DIGITS.train),
    test.labels!.subarray(0, DIGITS.test),
    train.images.subarray(0, DIGITS.train * 784),
    test.images.subarray(0, DIGITS.test * 784),
  ];
  return gzipSync(Buffer.concat(parts), { level: 9 });
}

/** Puts the digits beside the pages. */
export function digits(): Plugin {
  let packed: Promise<Uint8Array> | undefined;
  return {
    name: 'digits',
    async generateBundle() {
      packed ??= packDigits();
      this.emitFile({ type: 'asset', fileName: digitsFile, source: await packed });
    },
    configureServer(server) {
      server.middlewares.use(`/${digitsFile}`, async (_, response) => {
        packed ??= packDigits();
        response.end(await packed);
      });
    },
  };
}
