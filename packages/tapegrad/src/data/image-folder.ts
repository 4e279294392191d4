import { createHash } from 'node:crypto';
import { realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { attempt, reasonOf, UserError } from '../errors.ts';
import { arrange, type Part } from './arrange.ts';
import type { Dataset, Split } from './dataset.ts';
import { BadImage, openDecoder } from './decode.ts';
import { type DecodedImages, imageCacheFile, readImageCache, writeImageCache } from './image-cache.ts';
import type { ImageFile } from './image-files.ts';
import { resizeAndCrop } from './resize.ts';

export interface ImageFolderOptions {
  /** Height and width that all images are brought to; 64 if not given. */
  readonly imageSize?: number;
  /** 3 (red, green, blue) if not given, or 1 (grey). */
  readonly channels?: 1 | 3;
  /** Whether images that cannot be decoded are refused, if not given, or left out. */
  readonly badImages?: BadImages;
  /** Only the first so many training images are decoded. */
  readonly limit?: number | null;
  /** Told how many images of how many have been decoded. Not called when they come from the cache. */
  readonly progress?: (done: number, total: number) => void;
  /** Told what a user would not expect: images left out, a cache that cannot be written. */
  readonly note?: (message: string) => void;
}

export const badImagesChoices = ['refuse', 'skip'] as const;
export type BadImages = (typeof badImagesChoices)[number];

export const DEFAULT_IMAGE_SIZE = 64;

/** Changes when the same files would be decoded to other pixels. */
const CACHE_VERSION = 1;
/** Images that are being read or decoded. The library has four threads, unless UV_THREADPOOL_SIZE says otherwise. */
const AT_ONCE = 8;
/** Names that a message about bad images gives. */
const NAMED = 3;

/**
 * A dataset from a folder of JPEG and PNG images: divided and labelled by `arrange`, each scaled and cropped to a square
 * by `resizeAndCrop`. All images are decoded before this returns, and kept in the user's cache folder for the next time,
 * for as long as no file's name, size or time changes.
 *
 * The checksums `train` and `test` are SHA-256 over a line for each image that is used, `<SHA-256 of the file>  <path>\n`.
 *
 * @throws UserError naming the images that cannot be decoded, unless they are to be skipped
 */
export async function loadImageFolder(
  root: string,
  files: readonly ImageFile[],
  options: ImageFolderOptions = {},
): Promise<Dataset> {
  const { limit, note = () => {}, progress = () => {} } = options;
  const { train, test, notes } = arrange(root, files);
  const wanted = [limit ? first(train, limit) : train, test] as const;
  for (const message of notes) note(`${root}: ${message}`);

  const size = options.imageSize ?? DEFAULT_IMAGE_SIZE;
  const channels = options.channels ?? 3;
  const stored = wanted.map((part) => {
    const key = [CACHE_VERSION, size, channels, realpathSync(root), part.files];
    const path = attempt('the cache folder cannot be found', () => imageCacheFile(key));
    return { part, path, images: readImageCache(path) };
  });
  const total = stored.reduce((sum, { part, images }) => sum + (images ? 0 : part.files.length), 0);
  let before = 0;
  for (const entry of stored) {
    if (entry.images) continue;
    const { part, path } = entry;
    const { decoded, cacheable } = await decodeAll(root, part.files, {
      size,
      channels,
      progress: (done) => progress(before + done, total),
    });
    entry.images = decoded;
    before += part.files.length;
    if (cacheable) {
      try {
        writeImageCache(path, decoded);
      } catch (error) {
        note(`the decoded images are not kept for the next time: ${path}: ${reasonOf(error)}`);
      }
    }
  }

  const [trainImages, testImages] = stored.map(({ images }) => images!) as [DecodedImages, DecodedImages];
  judge(
    root,
    stored.map(({ part, images }) => ({ part, bad: images!.bad })),
    options,
  );
  return {
    name: basename(resolve(root)),
    shape: [channels, size, size],
    normalization: { mean: 0.5, std: 0.5 },
    train: splitOf(wanted[0], trainImages),
    test: splitOf(wanted[1], testImages),
    checksums: { train: trainImages.digest, test: testImages.digest },
  };
}

const first = ({ files, labels }: Part, limit: number): Part => ({
  files: files.slice(0, limit),
  labels: labels?.slice(0, limit) ?? null,
});

function splitOf({ files, labels }: Part, { pixels, bad }: DecodedImages): Split {
  const out = new Set(bad.map(([index]) => index));
  return {
    images: pixels,
    count: files.length - out.size,
    labels: labels && Uint8Array.from(labels.filter((_, i) => !out.has(i))),
  };
}

// --------------------------------------------------------------------------------------------------------- decoding

interface DecodeOptions {
  readonly size: number;
  readonly channels: 1 | 3;
  readonly progress: (done: number) => void;
}

/** `cacheable` is false where a file could not be read: it may be readable the next time, and look the same. */
async function decodeAll(
  root: string,
  files: readonly ImageFile[],
  { size, channels, progress }: DecodeOptions,
): Promise<{ decoded: DecodedImages; cacheable: boolean }> {
  const decode = await openDecoder();
  const perImage = channels * size * size;
  const pixels = allocate(files.length, perImage);
  const hashes = new Array<string | undefined>(files.length);
  const bad: [number, string][] = [];
  let cacheable = true;
  let [next, done] = [0, 0];
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
        hashes[i] = createHash('sha256').update(bytes).digest('hex');
      } catch (error) {
        if (!(error instanceof BadImage)) throw error;
        bad.push([i, error.message]);
      }
      progress(++done);
    }
  };
  // While one image is scaled here, others are decoded in the library's threads.
  await Promise.all(Array.from({ length: AT_ONCE }, work));

  bad.sort(([a], [b]) => a - b);
  const digest = createHash('sha256');
  for (const [i, { path }] of files.entries()) if (hashes[i]) digest.update(`${hashes[i]}  ${path}\n`);
  return {
    decoded: { pixels: without(pixels, perImage, bad), bad, digest: digest.digest('hex') },
    cacheable,
  };
}

function allocate(count: number, perImage: number): Uint8Array {
  try {
    return new Uint8Array(count * perImage);
  } catch {
    const gigabytes = ((count * perImage) / 2 ** 30).toFixed(1);
    throw new UserError(
      `${count} images take ${gigabytes} GiB of memory, more than can be had; use fewer with --limit, or smaller ones ` +
        'with --image-size',
    );
  }
}

/** Closes the gaps that bad images have left, in place. */
function without(pixels: Uint8Array, perImage: number, bad: readonly [number, string][]): Uint8Array {
  let end = bad[0]?.[0] ?? pixels.length / perImage;
  const count = pixels.length / perImage;
  for (const [k, [index]] of bad.entries()) {
    const upTo = bad[k + 1]?.[0] ?? count;
    pixels.copyWithin(end * perImage, (index + 1) * perImage, upTo * perImage);
    end += upTo - index - 1;
  }
  return pixels.subarray(0, end * perImage);
}

// --------------------------------------------------------------------------------------------------------- bad images

/** Refuses or reports the images that could not be decoded. */
function judge(
  root: string,
  parts: readonly { part: Part; bad: DecodedImages['bad'] }[],
  { badImages = 'refuse', note = () => {} }: ImageFolderOptions,
): void {
  const all = parts.flatMap(({ part, bad }) =>
    bad.map(([index, reason]) => `${part.files[index]!.path} (${reason})`),
  );
  if (all.length === 0) return;
  const total = parts.reduce((sum, { part }) => sum + part.files.length, 0);
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : '';
  const names = `${all.slice(0, NAMED).join(', ')}${more}`;
  const found = `${all.length} of ${total} images cannot be used: ${names}`;
  if (badImages === 'refuse')
    throw new UserError(`${root}: ${found}; mend or remove them, or leave them out with --bad-images skip`);
  if (parts.some(({ part, bad }) => bad.length === part.files.length))
    throw new UserError(`${root}: ${found}; too few are left to train on and to test with`);
  note(`${root}: ${found}; they are left out`);
}
