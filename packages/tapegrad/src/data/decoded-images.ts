import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { attempt, reasonOf, UserError } from '../errors.ts';
import { BadImage, type Decoder, openDecoder } from './decode.ts';
import {
  type DecodedImages,
  HASH_BYTES,
  imageCacheFile,
  readImageCache,
  writeImageCache,
} from './image-cache.ts';
import type { ImageFile } from './image-files.ts';
import { resizeAndCrop } from './resize.ts';

/** How many images are read or decoded at once. The library has four threads unless UV_THREADPOOL_SIZE changes that. */
const AT_ONCE = 8;
/** Changed whenever the same files would be decoded to other pixels, or judged differently. */
const CACHE_VERSION = 2;

export interface DecodedFolderOptions {
  /** The dataset's folder; `place` is its real path. */
  readonly root: string;
  readonly place: string;
  readonly size: number;
  readonly channels: 1 | 3;
  readonly progress: (done: number, total: number) => void;
  readonly note: (message: string) => void;
}

/** Images that were decoded together, as the cache keeps them. */
interface Batch extends DecodedImages {
  readonly files: readonly ImageFile[];
}

/** Where an image is: its batch, and its place among the good images of that batch. */
interface Place {
  readonly batch: Batch;
  readonly index: number;
}

/** The images of one half of a dataset. */
export interface DecodedHalf {
  readonly pixels: Uint8Array;
  /** SHA-256 over a line for each image, `<SHA-256 of the file>  <path>\n`. */
  readonly digest: string;
}

/** The images of a folder, each decoded once, on demand. */
export class DecodedFolder {
  readonly #options: DecodedFolderOptions;
  readonly #perImage: number;
  readonly #places = new Map<string, Place>();
  readonly #bad = new Map<string, string>();
  #decoder: Decoder | undefined;
  #done = 0;

  constructor(options: DecodedFolderOptions) {
    this.#options = options;
    this.#perImage = options.channels * options.size * options.size;
  }

  /** Requested images that cannot be used, and why. */
  get bad(): ReadonlyMap<string, string> {
    return this.#bad;
  }

  /** How many images were requested. */
  get looked(): number {
    return this.#places.size + this.#bad.size;
  }

  /**
   * Decodes images that are new, or takes them from the cache, with a batch for each list.
   * @returns whether all of them can be used
   */
  async add(lists: readonly (readonly ImageFile[])[]): Promise<boolean> {
    const isNew = ({ path }: ImageFile) => !this.#places.has(path) && !this.#bad.has(path);
    const stored = lists.map((list) => {
      const files = list.filter(isNew);
      const { size, channels, place } = this.#options;
      const path = attempt('the cache folder cannot be found', () =>
        imageCacheFile([CACHE_VERSION, size, channels, place, files]),
      );
      return { files, path, images: files.length > 0 ? readImageCache(path) : undefined };
    });
    const known = this.#bad.size;
    let total = this.#done;
    for (const { files, images } of stored) total += images ? 0 : files.length;
    for (const { files, path, images } of stored) {
      if (files.length === 0) continue;
      this.#enter({ files, ...(images ?? (await this.#decode(files, path, total))) });
    }
    return this.#bad.size === known;
  }

  #enter(batch: Batch): void {
    const bad = new Map(batch.bad);
    let index = 0;
    for (const [i, { path }] of batch.files.entries()) {
      const reason = bad.get(i);
      if (reason === undefined) this.#places.set(path, { batch, index: index++ });
      else this.#bad.set(path, reason);
    }
  }

  /**
   * The halves of a dataset, made of images that were added and can be used. Call it once: the pixels of the first
   * half, the large one, stay in place as far as possible, for they may fill half of the memory.
   */
  halves(first: readonly ImageFile[], second: readonly ImageFile[]): [DecodedHalf, DecodedHalf] {
    const [a, b] = [first, second].map((files) => files.map(({ path }) => this.#places.get(path)!)) as [
      Place[],
      Place[],
    ];
    const other = { pixels: this.#gather(b, false), digest: digestOf(second, b) };
    return [{ pixels: this.#gather(a, true), digest: digestOf(first, a) }, other];
  }

  #gather(places: readonly Place[], mayMove: boolean): Uint8Array {
    const batch = places[0]?.batch;
    const inOrder = places.every((place, i) => place.batch === batch && place.index >= i);
    const perImage = this.#perImage;
    const length = places.length * perImage;
    const isWhole = inOrder && places.length * perImage === batch?.pixels.length;
    if (batch && isWhole) return batch.pixels;
    // Images only move towards the beginning, each from a place behind those that have moved already.
    const ascending = inOrder && places.every(({ index }, i) => i === 0 || index > places[i - 1]!.index);
    const target = batch && ascending && mayMove ? batch.pixels : allocate(places.length, perImage);
    for (const [i, { batch, index }] of places.entries())
      target.set(batch.pixels.subarray(index * perImage, (index + 1) * perImage), i * perImage);
    return target.subarray(0, length);
  }

  async #decode(files: readonly ImageFile[], cacheFile: string, total: number): Promise<DecodedImages> {
    const { root, size, channels, progress, note } = this.#options;
    this.#decoder ??= await openDecoder();
    const decode = this.#decoder;
    const perImage = this.#perImage;
    const pixels = allocate(files.length, perImage);
    const hashes = new Uint8Array(files.length * HASH_BYTES);
    const bad: [number, string][] = [];
    // A file that could not be read may be readable next time, and still look unchanged.
    let cacheable = true;
    let next = 0;
    const work = async () => {
      while (next < files.length) {
        const i = next++;
        const target = pixels.subarray(i * perImage, (i + 1) * perImage);
        try {
          const bytes = await readFile(join(root, files[i]!.path)).catch((error) => {
            cacheable = false;
            throw new BadImage(`cannot read it: ${reasonOf(error)}`);
          });
          resizeAndCrop(await decode(bytes), size, channels, target);
          hashes.set(createHash('sha256').update(bytes).digest(), i * HASH_BYTES);
        } catch (error) {
          if (!(error instanceof BadImage)) throw error;
          bad.push([i, error.message]);
        }
        progress(++this.#done, total);
      }
    };
    // While one image is scaled here, others are decoded in the library's threads.
    await Promise.all(Array.from({ length: AT_ONCE }, work));

    bad.sort(([a], [b]) => a - b);
    const images = { pixels: without(pixels, perImage, bad), hashes: without(hashes, HASH_BYTES, bad), bad };
    if (cacheable) {
      try {
        writeImageCache(cacheFile, images);
      } catch (error) {
        note(`the decoded images are not kept for the next time: ${cacheFile}: ${reasonOf(error)}`);
      }
    }
    return images;
  }
}

function digestOf(files: readonly ImageFile[], places: readonly Place[]): string {
  const digest = createHash('sha256');
  for (const [i, { batch, index }] of places.entries()) {
    const hash = batch.hashes.subarray(index * HASH_BYTES, (index + 1) * HASH_BYTES);
    digest.update(`${Buffer.from(hash).toString('hex')}  ${files[i]!.path}\n`);
  }
  return digest.digest('hex');
}

function allocate(count: number, perImage: number): Uint8Array {
  try {
    return new Uint8Array(count * perImage);
  } catch {
    const gigabytes = ((count * perImage) / 2 ** 30).toFixed(1);
    throw new UserError(
      `${count} images take ${gigabytes} GiB of memory, more than is available; use fewer with --limit, or smaller ones ` +
        'with --image-size',
    );
  }
}

/** Closes the gaps that bad images have left, in place. */
function without(bytes: Uint8Array, perImage: number, bad: readonly [number, string][]): Uint8Array {
  const count = bytes.length / perImage;
  let end = bad[0]?.[0] ?? count;
  for (const [k, [index]] of bad.entries()) {
    const upTo = bad[k + 1]?.[0] ?? count;
    bytes.copyWithin(end * perImage, (index + 1) * perImage, upTo * perImage);
    end += upTo - index - 1;
  }
  return bytes.subarray(0, end * perImage);
}
