import type { Sharp } from 'sharp';
import { UserError } from '../errors.ts';
import type { RgbImage } from './resize.ts';

/** Larger images are refused before they are decoded: a small file can pretend to hold terabytes. */
export const MOST_PIXELS = 2 ** 26;

/** What is wrong with a file that should hold an image, in words that go behind its name. */
export class BadImage extends Error {
  override name = 'BadImage';
}

/**
 * Decodes JPEG and PNG (told by content, not by name) to 8 bits of sRGB: grey, palettes, 16 bits and CMYK are converted,
 * colour profiles applied, transparency laid on white, and the image turned as its EXIF orientation says.
 *
 * @throws BadImage for what is neither, is truncated or broken, or holds more than `MOST_PIXELS`
 */
export type Decoder = (bytes: Uint8Array) => Promise<RgbImage>;

/** Loads the library that decodes. It is only wanted by those who have images to decode. */
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
  // Many images are decoded at once, each of them once.
  sharp.cache(false);
  sharp.concurrency(1);
  return async (bytes) => {
    checkKind(bytes);
    const open = (limitInputPixels: number | false) =>
      sharp(bytes, { failOn: 'warning', limitInputPixels, sequentialRead: true });
    try {
      return await decoded(open(MOST_PIXELS));
    } catch (error) {
      const { message } = error as Error;
      if (/pixel limit/.test(message)) throw new BadImage(await tooLarge(open(false)));
      throw new BadImage(inWords(message));
    }
  };
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

const PNG = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const JPEG = [0xff, 0xd8, 0xff];

/** The decoder also takes formats that nobody expects here, such as SVG, and PNGs without their last chunk. */
function checkKind(bytes: Uint8Array): void {
  if (bytes.length === 0) throw new BadImage('an empty file');
  const opensWith = (magic: readonly number[]) => magic.every((byte, i) => bytes[i] === byte);
  if (opensWith(PNG)) {
    if (Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).lastIndexOf('IEND') < 0)
      throw new BadImage('truncated: its last chunk is missing');
  } else if (!opensWith(JPEG)) throw new BadImage('neither JPEG nor PNG');
}

function inWords(message: string): string {
  if (/premature end/.test(message)) return 'truncated: its data end early';
  if (/libpng read error/.test(message)) return 'broken: its data cannot be unpacked';
  return `broken: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}`;
}
