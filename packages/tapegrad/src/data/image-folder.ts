import { realpathSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import type { badImagesChoices } from '../choices.ts';
import { UserError } from '../errors.ts';
import { type Arrangement, arrange, type Part } from './arrange.ts';
import type { Dataset, Split } from './dataset.ts';
import { DecodedFolder, type DecodedHalf } from './decoded-images.ts';
import type { ImageFile, Listing } from './image-files.ts';

export interface ImageFolderOptions {
  /** Height and width of all images after scaling. Default: 64. */
  readonly imageSize?: number;
  /** 3 (red, green, blue; the default) or 1 (grey). */
  readonly channels?: 1 | 3;
  /** Whether images that cannot be decoded are refused (the default) or left out. */
  readonly badImages?: BadImages;
  /** If given, only this many of the first training images are decoded. */
  readonly limit?: number | null;
  /** Called with the number of images decoded and the total; not called if they come from the cache. */
  readonly progress?: (done: number, total: number) => void;
  /** Called with a message about something unexpected: images left out, a cache that cannot be written. */
  readonly note?: (message: string) => void;
}

export type BadImages = (typeof badImagesChoices)[number];

export const DEFAULT_IMAGE_SIZE = 64;

/** How many names a message about bad images gives. */
const NAMED = 20;

/**
 * A dataset from a folder of JPEG and PNG images: divided and labelled by `arrange`, each scaled and cropped to a
 * square by `resizeAndCrop`. All images are decoded before this returns, and kept in the user's cache folder as long
 * as no file's name, size or time changes.
 *
 * With `badImages: 'skip'` the dataset is what it would be without the files that cannot be used: they are left out
 * first, and the rest is divided. (Images beyond `limit` are not decoded, so bad ones among them still count.)
 *
 * The checksums `train` and `test` are SHA-256 over a line for each image that is used, `<SHA-256 of the file>
 * <path>\n`.
 *
 * @throws UserError naming the images that cannot be decoded, unless they are to be skipped
 */
export async function loadImageFolder(
  root: string,
  { images, others }: Listing,
  options: ImageFolderOptions = {},
): Promise<Dataset> {
  const { limit, badImages = 'refuse', note = () => {}, progress = () => {} } = options;
  const size = options.imageSize ?? DEFAULT_IMAGE_SIZE;
  const channels = options.channels ?? 3;
  const decoded = new DecodedFolder({ root, place: realpathSync(root), size, channels, progress, note });
  const wantedOf = ({ train, test }: Arrangement): [Part, Part] => [
    limit ? first(train, limit) : train,
    test,
  ];

  const fault = () => faultOf(decoded);

  const begun = arrange(root, images, others);
  let [arrangement, wanted, good] = [begun, wantedOf(begun), images];
  while (!(await decoded.add(wanted.map(({ files }) => files)))) {
    if (badImages === 'refuse')
      throw new UserError(
        `${root}: ${fault()}; repair or remove them, or leave them out with --bad-images skip`,
      );
    good = good.filter(({ path }) => !decoded.bad.has(path));
    arrangement = rearrange(root, good, others, begun, fault());
    wanted = wantedOf(arrangement);
  }
  for (const message of arrangement.notes) note(`${root}: ${message}`);
  if (decoded.bad.size > 0) note(`${root}: ${fault()}; they are left out`);
  const [train, test] = decoded.halves(wanted[0].files, wanted[1].files);
  return {
    name: basename(resolve(root)),
    shape: [channels, size, size],
    normalization: { mean: 0.5, std: 0.5 },
    train: splitOf(wanted[0], train),
    test: splitOf(wanted[1], test),
    checksums: { train: train.digest, test: test.digest },
  };
}

/** Divides what remains without the bad images, in the same way as before. */
function rearrange(
  root: string,
  good: readonly ImageFile[],
  others: readonly string[],
  before: Arrangement,
  fault: string,
): Arrangement {
  const tooFew = () => new UserError(`${root}: ${fault}; too few are left to train on and to test with`);
  if (good.length < 2) throw tooFew();
  let after: Arrangement;
  try {
    after = arrange(root, good, others);
  } catch (error) {
    if (error instanceof UserError) throw tooFew();
    throw error;
  }
  if (after.by !== before.by) throw tooFew();
  return after;
}

const first = ({ files, labels }: Part, limit: number): Part => ({
  files: files.slice(0, limit),
  labels: labels?.slice(0, limit) ?? null,
});

const splitOf = ({ files, labels }: Part, { pixels }: DecodedHalf): Split => ({
  images: pixels,
  count: files.length,
  labels: labels && Uint8Array.from(labels),
});

/** `3 of 20 images cannot be used: a.jpg (an empty file), b.jpg (…), c.jpg (…)` */
function faultOf({ bad, looked }: DecodedFolder): string {
  const names = [...bad].sort(([a], [b]) => (a < b ? -1 : 1)).map(([path, reason]) => `${path} (${reason})`);
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : '';
  return `${bad.size} of ${looked} images cannot be used: ${names.slice(0, NAMED).join(', ')}${more}`;
}
