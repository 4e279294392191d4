/** Pixels as a PNG file holds them. */
export interface PngPixels {
  readonly width: number;
  readonly height: number;
  /** Rows from the top, each padded to whole bytes. */
  readonly data: Uint8Array;
  readonly channels: 1 | 3;
  /** Bits a channel. */
  readonly depth?: 4 | 8;
  /** Latin-1, by keyword. */
  readonly text?: Readonly<Record<string, string>>;
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOR_TYPE = { 1: 0, 3: 2 } as const;

/** The bytes of a picture that are compressed: its rows, each after the number of its filter, here none. */
export function pngRows({ width, height, data, channels, depth = 8 }: PngPixels): Uint8Array {
  const row = Math.ceil((width * channels * depth) / 8);
  if (data.length !== row * height) {
    throw new Error(
      `png: ${data.length} bytes are no picture of ${width} x ${height} pixels, ${channels} x ${depth} bits each: it takes ${row * height}`,
    );
  }
  const rows = new Uint8Array((row + 1) * height);
  for (let y = 0; y < height; y++) rows.set(data.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  return rows;
}

/**
 * A PNG file without interlacing (W3C, Portable Network Graphics, third edition).
 * @param compressed what zlib makes of `pngRows`
 */
export function pngFile(
  { width, height, channels, depth = 8, text = {} }: PngPixels,
  compressed: Uint8Array,
): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header.set([depth, COLOR_TYPE[channels]], 8);
  const latin1 = (value: string) => Uint8Array.from(value, (letter) => letter.charCodeAt(0));
  const chunks = [
    chunk('IHDR', header),
    chunk('IDAT', compressed),
    ...Object.entries(text).map(([keyword, value]) => chunk('tEXt', latin1(`${keyword}\0${value}`))),
    chunk('IEND', new Uint8Array()),
  ];
  const file = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, SIGNATURE.length));
  file.set(SIGNATURE);
  let at = SIGNATURE.length;
  for (const one of chunks) {
    file.set(one, at);
    at += one.length;
  }
  return file;
}

/** Length, type, data, and a check of the latter two. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  for (let i = 0; i < 4; i++) bytes[4 + i] = type.charCodeAt(i);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

/** The polynomial of ISO 3309, a byte at a time. */
const crcOfByte = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcOfByte[(crc ^ bytes[i]!) & 255]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
