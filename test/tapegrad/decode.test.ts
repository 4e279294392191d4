/* Runs without an adapter. */
import { readFileSync } from 'node:fs';
import { encode } from 'fast-png';
import sharp, { type JpegOptions } from 'sharp';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { BadImage, openDecoder } from '../../packages/tapegrad/src/data/decode.ts';
import { outlineJpeg } from '../../packages/tapegrad/src/data/jpeg.ts';

/* Files with slips that other decoders read over, and files that hold less than their picture. */

const decode = await openDecoder();
const [width, height] = [97, 83];
const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
  const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
  return [x * 37 + y * 11, x * x * 3 + y * 29, (Math.floor(x / 3) + y) % 2 === 0 ? 230 : 25][i % 3]!;
});
const picture = sharp(data, { raw: { width, height, channels: 3 } });
const png = Buffer.from(encode({ width, height, data, channels: 3 }));

const bytes = (...parts: (string | readonly number[] | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : Buffer.from(part))),
  );
const at = (file: Buffer, ...marker: number[]) => file.indexOf(Uint8Array.from(marker));
const length = (file: Buffer, marker: number) => 2 + file.readUInt16BE(marker + 2);
/** `file` with something put in at a place. */
const insert = (file: Buffer, place: number, ...parts: Parameters<typeof bytes>) =>
  bytes(file.subarray(0, place), ...parts, file.subarray(place));
const segment = (marker: number, ...content: Parameters<typeof bytes>) => {
  const body = bytes(...content);
  return bytes([0xff, marker, (body.length + 2) >> 8, (body.length + 2) & 255], body);
};
const changed = (file: Buffer, place: number, ...values: number[]) => {
  const copy = Buffer.from(file);
  copy.set(values, place);
  return copy;
};
const chunk = (type: string, content: Uint8Array | string, wrong = 0) => {
  const body = bytes(type, content as string);
  const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
  size.writeUInt32BE(body.length - 4);
  sum.writeUInt32BE((crc32(body) ^ wrong) >>> 0);
  return bytes(size, body, sum);
};
const AFTER_IHDR = 33;

/** CRC-32 as PNG has it. */
function crc32(content: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of content) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

const JFIF = segment(0xe0, 'JFIF\0', [1, 1, 0, 0, 1, 0, 1, 0, 0]);
const jpeg = async (options: JpegOptions) =>
  insert(
    await picture
      .clone()
      .jpeg({ quality: 90, chromaSubsampling: '4:4:4', ...options })
      .toBuffer(),
    2,
    JFIF,
  );
const sequential = await jpeg({});
const progressive = await jpeg({ progressive: true });

const sos = at(sequential, 0xff, 0xda);
const app0 = at(sequential, 0xff, 0xe0);
const afterApp0 = app0 + length(sequential, app0);
const beforeEnd = (file: Buffer) => file.length - 2;
const half = (file: Buffer) => Math.floor(file.length / 2);
assert.equal([app0, sequential.subarray(-2).toString('hex')], [2, 'ffd9']);

const slips: [what: string, file: Buffer, whole: Buffer][] = [
  ['JFIF of revision 0.00', changed(sequential, app0 + 9, 0, 0), sequential],
  ['JFIF of revision 3.01', changed(sequential, app0 + 9, 3), sequential],
  ['no JFIF', bytes(sequential.subarray(0, app0), sequential.subarray(afterApp0)), sequential],
  ['no spectral selection', changed(sequential, sos + length(sequential, sos) - 3, 0, 0, 0), sequential],
  ['both', changed(changed(sequential, sos + length(sequential, sos) - 3, 0, 0, 0), app0 + 9, 0), sequential],
  ['bytes between segments', insert(sequential, afterApp0, [0, 0, 7, 0]), sequential],
  ['the same, progressive', insert(progressive, afterApp0, [0, 0, 7, 0]), progressive],
  ['bytes 255 between segments', insert(sequential, afterApp0, [255, 255, 255]), sequential],
  ['bytes before the end', insert(sequential, beforeEnd(sequential), 'some more'), sequential],
  ['the same, progressive', insert(progressive, beforeEnd(progressive), 'some more'), progressive],
  ['bytes behind the end', bytes(sequential, 'a video, say'), sequential],
  ['a second image behind the end', bytes(progressive, sequential.subarray(0, 300)), progressive],
  ['zeros behind the end', bytes(progressive, new Uint8Array(1000)), progressive],
  [
    'an unknown transform of Adobe',
    insert(sequential, 2, segment(0xee, 'Adobe', [0, 100, 0, 0, 0, 0, 99])),
    sequential,
  ],
  [
    'a broken colour profile',
    insert(sequential, 2, segment(0xe2, 'ICC_PROFILE\0', [1, 1], 'nonsense')),
    sequential,
  ],
  [
    'a colour profile without its parts',
    insert(sequential, 2, segment(0xe2, 'ICC_PROFILE\0', [2, 3], 'x')),
    sequential,
  ],
  ['broken EXIF', insert(sequential, 2, segment(0xe1, 'Exif\0\0', 'II*\0\x08\0\0\0\x50\0')), sequential],
  ['PNG: text with a wrong checksum', insert(png, AFTER_IHDR, chunk('tEXt', 'Comment\0hello', 1)), png],
  ['PNG: a broken colour profile', insert(png, AFTER_IHDR, chunk('iCCP', 'x\0\0nonsense')), png],
  ['PNG: a background that is none', insert(png, AFTER_IHDR, chunk('bKGD', '\0')), png],
  [
    'PNG: no such time',
    insert(png, AFTER_IHDR, chunk('tIME', Uint8Array.of(255, 255, 255, 255, 255, 255, 255))),
    png,
  ],
  ['PNG: a chunk that nobody knows', insert(png, AFTER_IHDR, chunk('vpAg', 'what')), png],
  ['PNG: bytes behind the end', bytes(png, 'more'), png],
  ['PNG: without its last chunk', png.subarray(0, -12), png],
];
for (const [what, file, whole] of slips) {
  test(`decode: as it was, with ${what}`, async () => {
    assert.not.equal(file, whole);
    const [found, wanted] = [await decode(file), await decode(whole)];
    assert.equal([found.width, found.height], [width, height]);
    assert.ok(Buffer.from(found.data).equals(Buffer.from(wanted.data)));
  });
}

test('decode: files of cameras', async () => {
  const read = (name: string) => decode(readFileSync(new URL(`images/${name}.jpg`, import.meta.url)));
  const [jfif, scan] = [await read('jfif-revision-0'), await read('sos-parameters')];
  assert.equal([jfif.width, jfif.height], [80, 60]);
  assert.ok(new Set(jfif.data).size > 1);
  assert.ok(Buffer.from(jfif.data).equals(Buffer.from(scan.data)));
});

const kept = (file: Buffer, share: number) => file.subarray(0, Math.floor(file.length * share));
const END = Uint8Array.of(0xff, 0xd9);
/** Begins of the scans of a progressive file. */
const scans = [...progressive.keys()].filter((i) => progressive[i] === 0xff && progressive[i + 1] === 0xda);
const lacking: [what: string, file: Buffer, reason: RegExp][] = [
  ...[0.05, 0.3, 0.5, 0.7, 0.95].flatMap((share): [string, Buffer, RegExp][] => [
    [`${share} of a JPEG`, kept(sequential, share), /^truncated: its data end early$/],
    [`${share} of a progressive JPEG`, kept(progressive, share), /^truncated: its data end early$/],
    [`${share} of a PNG`, kept(png, share), /^truncated: its data end early$/],
  ]),
  ...scans.map((scan, i): [string, Buffer, RegExp] => [
    `a progressive JPEG up to scan ${i}`,
    progressive.subarray(0, scan),
    /^truncated/,
  ]),
  ['a JPEG without its last byte', sequential.subarray(0, -1), /^truncated/],
  ['half a JPEG, filled up with zeros', bytes(kept(sequential, 0.5), new Uint8Array(5000)), /^truncated/],
  ['half a JPEG and an end', bytes(kept(sequential, 0.5), END), /^broken: a part of its data is missing$/],
  ['half a progressive JPEG and an end', bytes(kept(progressive, 0.5), END), /^broken: a part of its data/],
  [
    'a progressive JPEG with a hole',
    bytes(progressive.subarray(0, half(progressive)), progressive.subarray(half(progressive) + 200)),
    /^broken/,
  ],
  [
    'a slip and a hole at once',
    bytes(changed(kept(sequential, 0.5), app0 + 9, 0, 0), END),
    /^broken: a part of its data is missing$/,
  ],
  [
    'a PNG with a wrong checksum of its data',
    changed(png, png.length - 14, png.at(-14)! ^ 1),
    /^broken: its data/,
  ],
  [
    'half a PNG and an end',
    bytes(kept(png, 0.5), chunk('IEND', '')),
    /^broken: its data cannot be unpacked$/,
  ],
  ['WebP', bytes('RIFF', [9, 0, 0, 0], 'WEBPVP8 '), /^neither JPEG nor PNG but WebP$/],
  ['a GIF', bytes('GIF89a'), /^neither JPEG nor PNG but GIF$/],
  ['a page', bytes('<!DOCTYPE html>'), /but a page of the web$/],
  ['zeros', bytes(new Uint8Array(500)), /^neither JPEG nor PNG but nothing but zeros$/],
];
const reasonFor = (file: Uint8Array) =>
  decode(file).then(
    () => 'nothing is wrong',
    (error: unknown) => {
      if (!(error instanceof BadImage)) throw error;
      return error.message;
    },
  );
for (const [what, file, reason] of lacking)
  test(`decode: refuses ${what}`, async () => assert.match(await reasonFor(file), reason));

test('decode: the reason is the same whatever else is decoded at the time', async () => {
  const files = [...lacking, ...slips].map(([, file]) => file);
  const alone: string[] = [];
  for (const file of files) alone.push(await reasonFor(file));
  for (let time = 0; time < 5; time++) {
    const order = files.map((_, i) => (i * 7 + time) % files.length);
    const together = await Promise.all(order.map((i) => reasonFor(files[i]!)));
    for (const [k, i] of order.entries()) assert.is(together[k], alone[i]);
  }
});

test('outline: a file without slips is left alone', () => {
  for (const file of [sequential, progressive]) assert.equal(outlineJpeg(file), { ends: true, tidy: file });
  assert.is(outlineJpeg(sequential).tidy, sequential);
});

test.run();
