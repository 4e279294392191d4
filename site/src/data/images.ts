import type { SubjectData } from '@tapegrad/vae';
import { DIGITS, digitsFile, mnistChecksums } from './digits-format.ts';

/** Images as a session trains on them. */
export interface ImageSet extends SubjectData {
  /** `mnist`, or what was dropped onto the page. */
  readonly name: string;
  readonly checksums: Readonly<Record<string, string>>;
  readonly normalization?: { readonly mean: number; readonly std: number };
}

/** Splits what `digits.bin` holds, unzipped. */
export function digitsOf(bytes: Uint8Array): ImageSet {
  const { train, test } = DIGITS;
  const expected = (train + test) * 785;
  if (bytes.length !== expected)
    throw new Error(`the file of digits has ${bytes.length} bytes, expected ${expected}: reload the page`);
  let at = 0;
  const take = (length: number) => {
    at += length;
    return bytes.subarray(at - length, at);
  };
  const labels = [take(train), take(test)] as const;
  return {
    name: 'mnist',
    shape: [1, 28, 28],
    train: { labels: labels[0], images: take(train * 784), count: train },
    test: { labels: labels[1], images: take(test * 784), count: test },
    checksums: mnistChecksums,
  };
}

/** Fetches the digits beside the page; `base` is the site's folder. */
export async function fetchDigits(base: string | URL): Promise<ImageSet> {
  const url = new URL(digitsFile, base);
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(`${url} answers ${response.status}: reload the page`);
  const stream = response.body.pipeThrough(new DecompressionStream('gzip'));
  return digitsOf(new Uint8Array(await new Response(stream).arrayBuffer()));
}

/** A tenth of the images of one's own is for the test. */
const LEAST = 10;

/** @throws where there are too few images of one's own */
export function assertEnough(count: number): void {
  if (count < LEAST)
    throw new Error(
      `${count} ${count === 1 ? 'image is' : 'images are'} too few to train on: drop at least ${LEAST} at once`,
    );
}

/** The first nine of every ten images for training, the tenth for the test. */
export function splitOwn(
  images: Uint8Array,
  shape: readonly [number, number, number],
  name: string,
): ImageSet {
  const size = shape[0] * shape[1] * shape[2];
  const count = images.length / size;
  assertEnough(count);
  const isTest = (i: number) => i % LEAST === LEAST - 1;
  const part = (wanted: boolean) => {
    const chosen = Array.from({ length: count }, (_, i) => i).filter((i) => isTest(i) === wanted);
    const bytes = new Uint8Array(chosen.length * size);
    for (const [k, i] of chosen.entries()) bytes.set(images.subarray(i * size, (i + 1) * size), k * size);
    return { images: bytes, count: chosen.length, labels: null };
  };
  return {
    name,
    shape,
    train: part(false),
    test: part(true),
    checksums: {},
    normalization: { mean: 0.5, std: 0.5 },
  };
}
