import type { Sharp } from 'sharp';
import { UserError } from '../errors.ts';
import { outlineJpeg } from './jpeg.ts';
import type { RgbImage } from './resize.ts';

/** Larger images are refused before they are decoded: a small file can claim to hold terabytes. */
const MOST_PIXELS = 2 ** 26;

/** What is wrong with a file that should be an image, in words that can follow its name. */
export class BadImage extends Error {
  override name = 'BadImage';
}

/**
 * Decodes JPEG and PNG (told by content, not by name) to 8 bits of sRGB: grey, palettes, 16 bits and CMYK are
 * converted, colour profiles are applied, transparency becomes white, and the image is turned as its EXIF orientation
 * says.
 *
 * @throws BadImage for anything else, for more than `MOST_PIXELS`, and for files that do not decode to the whole picture; always
 *   the same for the same bytes
 */
export type Decoder = (bytes: Uint8Array) => Promise<RgbImage>;

/** Loads the decoding library, which is needed only if there are images to decode. */
export async function openDecoder(): Promise<Decoder> {
  const sharp = await import('sharp').then(
    (module) => module.default,
    () => {
      throw new UserError(
        'images cannot be decoded: the npm package sharp, or its binary for this platform, is not installed; ' +
          'run npm ci without --omit=optional',
      );
    },
  );
  // Many images are decoded at once, but each only once.
  sharp.cache(false);
  sharp.concurrency(1);
  const turns = new Turns();
  return async (bytes) => {
    const kind = kindOf(bytes);
    const { ends, tidy } = kind === 'jpeg' ? outlineJpeg(bytes) : { ends: endsPng(bytes), tidy: bytes };
    if (kind === 'jpeg' && !ends) throw new BadImage(TRUNCATED);
    const open = (failOn: 'warning' | 'truncated', limitInputPixels: number | false = MOST_PIXELS) =>
      sharp(tidy, { failOn, limitInputPixels, sequentialRead: true });
    try {
      return await turns.together(() => decoded(open('warning')));
    } catch {
      return await turns.alone(() => inDoubt());
    }

    /** Runs alone, since the library's messages cover all images that it is decoding at the time. */
    async function inDoubt(): Promise<RgbImage> {
      const warnings: string[] = [];
      const image = open(kind === 'jpeg' ? 'truncated' : 'warning');
      image.on('warning', (message: string) => warnings.push(message));
      try {
        const result = await decoded(image);
        const fault = kind === 'jpeg' ? faultOf(warnings) : undefined;
        if (fault) throw new BadImage(fault);
        return result;
      } catch (error) {
        if (error instanceof BadImage) throw error;
        const { message } = error as Error;
        if (/pixel limit/.test(message)) throw new BadImage(await tooLarge(open('truncated', false)));
        throw new BadImage(ends ? inWords(message) : TRUNCATED);
      }
    }
  };
}

const TRUNCATED = 'truncated: its data end early';

/** Warnings of the JPEG decoder that leave the picture whole: about headers, or bytes that are not needed. */
const HARMLESS = /JFIF revision|SOS parameters|extraneous bytes|Adobe color transform|ICC/;

/**
 * What is wrong with the picture of a JPEG that could be decoded, going by its warnings, if anything. The decoder
 * counts all of them, but puts only the first into words.
 */
function faultOf(warnings: readonly string[]): string | undefined {
  const counts = warnings.map((message) => Number(/^read gave (\d+) warnings/.exec(message)?.[1] ?? 0));
  const first = warnings.flatMap((message) => /^VipsJpeg: (.*)/.exec(message)?.[1] ?? [])[0] ?? '';
  const most = Math.max(0, ...counts);
  if (most === 0 || (most === 1 && HARMLESS.test(first))) return undefined;
  if (/premature end/.test(first)) return 'broken: a part of its data is missing';
  return `broken: ${HARMLESS.test(first) ? 'its data are damaged' : first}`;
}

/** Work that may overlap with its own kind, and work that must run alone. */
class Turns {
  #gate: Promise<void> = Promise.resolve();
  #running = 0;
  #idle = () => {};

  async together<T>(work: () => Promise<T>): Promise<T> {
    for (let seen: Promise<void> | undefined; seen !== this.#gate; ) {
      seen = this.#gate;
      await seen;
    }
    this.#running++;
    try {
      return await work();
    } finally {
      if (--this.#running === 0) this.#idle();
    }
  }

  async alone<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#gate;
    let open = () => {};
    this.#gate = new Promise((resolve) => {
      open = resolve;
    });
    try {
      await before;
      if (this.#running > 0)
        await new Promise<void>((resolve) => {
          this.#idle = resolve;
        });
      return await work();
    } finally {
      open();
    }
  }
}

async function decoded(image: Sharp): Promise<RgbImage> {
  const { data, info } = await image
    .autoOrient()
    .flatten({ background: '#ffffff' })
    .toColourspace('srgb')
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  if (channels !== 3) throw new Error(`${channels} channels after the conversion to sRGB`);
  return { data, width, height };
}

async function tooLarge(image: Sharp): Promise<string> {
  const { width, height } = await image.metadata();
  return `${width}x${height} pixels, more than the ${MOST_PIXELS.toLocaleString('en')} that are decoded`;
}

const startsWith = (bytes: Uint8Array, magic: readonly number[] | string, at = 0): boolean =>
  [...magic].every((one, i) => bytes[at + i] === (typeof one === 'string' ? one.charCodeAt(0) : one));

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];

/** Other formats that collections contain under the name of a JPEG. */
const OTHERS: readonly (readonly [name: string, magic: readonly number[] | string, at?: number])[] = [
  ['WebP', 'WEBP', 8],
  ['GIF', 'GIF8'],
  ['BMP', 'BM'],
  ['TIFF', 'II*\0'],
  ['TIFF', 'MM\0*'],
  ['AVIF or HEIC', 'ftyp', 4],
  ['a page of the web', '<!'],
  ['a page of the web', '<html'],
  ['SVG', '<svg'],
  ['PDF', '%PDF'],
];

/** The decoder also accepts formats that are not expected here, such as SVG. */
function kindOf(bytes: Uint8Array): 'jpeg' | 'png' {
  if (bytes.length === 0) throw new BadImage('an empty file');
  if (startsWith(bytes, PNG)) return 'png';
  if (startsWith(bytes, JPEG)) return 'jpeg';
  const other = OTHERS.find(([, magic, at]) => startsWith(bytes, magic, at))?.[0];
  const nothing = bytes.every((byte) => byte === 0) ? 'nothing but zeros' : undefined;
  throw new BadImage(`neither JPEG nor PNG${other ? ` but ${other}` : nothing ? ` but ${nothing}` : ''}`);
}

/** Whether a PNG has its last chunk. Without it the picture may still be whole: the decoder tells. */
const endsPng = (bytes: Uint8Array): boolean =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf('IEND') >= 0;

function inWords(message: string): string {
  if (/libpng read error/.test(message)) return 'broken: its data cannot be unpacked';
  if (/corrupt header/.test(message)) return 'broken: its header cannot be read';
  const lines = message.split('\n').map((line) => line.trim());
  const said = new Set(lines.filter((line) => line !== '' && !/due to failOn/.test(line)));
  return `broken: ${[...said].join('; ')}`;
}
