/* Runs without an adapter. */

import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { encode } from 'fast-png';
import sharp from 'sharp';
import { type Dataset, type ImageFolderOptions, loadImageFolder, UserError } from 'tapegrad/node';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arrange } from '../../packages/tapegrad/src/data/arrange.ts';
import { BadImage, openDecoder } from '../../packages/tapegrad/src/data/decode.ts';
import { listImages } from '../../packages/tapegrad/src/data/image-files.ts';
import { type RgbImage, resizeAndCrop } from '../../packages/tapegrad/src/data/resize.ts';

const folder = mkdtempSync(join(tmpdir(), 'tapegrad-images-'));
const cache = join(folder, 'cache');
/** Suites share a process, and others have a cache of their own. */
const { XDG_CACHE_HOME } = process.env;
test.before(() => {
  process.env.XDG_CACHE_HOME = cache;
});
test.after(() => {
  if (XDG_CACHE_HOME === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = XDG_CACHE_HOME;
  rmSync(folder, { recursive: true });
});

/** Gradients that wrap around and a checkerboard: smooth places, edges, and no two channels alike. */
function pattern(width: number, height: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = x * 37 + y * 11;
      data[at++] = x * x * 3 + y * 29;
      data[at++] = (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0 ? 230 : 25;
    }
  }
  return { data, width, height };
}

const png = (image: RgbImage): Uint8Array => encode({ ...image, channels: 3 });
const raw = ({ data, width, height }: RgbImage) => sharp(data, { raw: { width, height, channels: 3 } });
const plain = (width: number, height: number, [r, g, b]: readonly number[]): RgbImage => ({
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => [r!, g!, b!][i % 3]!),
  width,
  height,
});

/** A folder with these files; parents are made. */
function put(name: string, files: Record<string, Uint8Array | string>): string {
  const root = join(folder, name);
  for (const [path, bytes] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
  return root;
}

const load = (root: string, options: ImageFolderOptions = {}) =>
  loadImageFolder(root, listImages(root), { imageSize: 4, ...options });

/** Everything of a dataset, the pixels as their sum. */
const summary = (data: Dataset) =>
  JSON.stringify(data, (_, value: unknown) =>
    value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value,
  );

async function refused(what: Promise<unknown>, message: RegExp): Promise<void> {
  const error = await what.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof UserError)) throw error ?? new Error('was not refused');
  assert.match(error.message, message);
  assert.not.match(error.message, /\n/);
}

// -------------------------------------------------------------------------------------------------- scale and crop

/**
 * Pillow 12.3: `resize((newWidth, newHeight), BILINEAR)` and `crop`, the sizes and margins by torchvision's rule; the
 * red, green and blue planes of 8x8 pixels.
 */
const pillow: [width: number, height: number, planes: [string, string, string]][] = [
  [
    23, // to 8x10, one row off at the top
    30,
    [
      '59ac668e8664a64e7aa357a66c8391519b7b68a557a0746fb26b878460a65690ab56a2747c8e57b18260a8589a7e71bc5b808e5ba75a9190479f7275a558a65b',
      '7ba286817f897a6faf906e94807f778542569c7d7c7d818380a27c7d7a8e7f74b477699480847c8a475b9679807a868885a1787d797b8479b9716477787e806e',
      '8879867a857a847c778679857a857b83778679857a857b838879867a857a847c8879867a857a847c778679857a857b83778679857a857b838879867a857a847c',
    ],
  ],
  [
    31, // to 14x8, three columns off at the left
    17,
    [
      '4a67b85f5eb07d51557bb14c72b45d654693b5478aaf487d5aaa8652a189469472b76765b4805cac89b0457cbb4e73c0a18547949f428bb1b58956a67c4e9f94',
      'aa729381628d868a976e7e88826b72765c93819484897a7e6da07a80866b889ca2807d686f8b787cac6e8c8a8274868a558468928a8672765ba56f93837b9a83',
      'b5528aa249a97d575b9f7968a563819ba46086975a9c7e645c9d7969a364819a9e65859360977e6969937b71976e80918d748288718a7f756e8e7c759172808c',
    ],
  ],
  [
    7, // enlarged to 11x8; 1.5 columns of margin become 2
    5,
    [
      '2840576f879eb6cd2d455c748ca3bbd2344c637b93aac2d93b536a829ab1c9e041597088a0b7cfe64860778fa7bed6ed4f677e96aec5dda6546c839bb3cae26e',
      '040a111b2837495d11171e283544566a2329303a4756687c353b424c59687a8e474d545e6b7a8ca0595f66707d8c9eb26b7178828f9eb0c4787e858f9cabbdd1',
      'e6e69b1919191989e6e69b1919191989d9d9982626262688595975a6a6a6a67c191964e6e6e6e676191964e6e6e6e6768c8c837373737381e6e69b1919191989',
    ],
  ],
  [
    12, // a line: enlarged to 96x8
    1,
    [
      'bbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dcbbc0c5c9ced2d7dc',
      '4d5155595e62666a4d5155595e62666a4d5155595e62666a4d5155595e62666a4d5155595e62666a4d5155595e62666a4d5155595e62666a4d5155595e62666a',
      '263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9263f59738ca6c0d9',
    ],
  ],
];
const pillowGrey =
  '72a07c85827c8867999568977a817f756367888a70887c7d908d807f7393737ead6d7d887f8672945e619871877c7e9777947e748772878191806c7787728c6a';

const furthest = (a: Uint8Array, b: Uint8Array): number => {
  assert.is(a.length, b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);
};

for (const [width, height, planes] of pillow) {
  test(`resize: ${width}x${height} to 8x8 as Pillow and torchvision do`, () => {
    const out = new Uint8Array(3 * 64);
    resizeAndCrop(pattern(width, height), 8, 3, out);
    // Pillow rounds to bytes between the passes: half a level there, and half a level at the end.
    assert.ok(furthest(out, Buffer.from(planes.join(''), 'hex')) <= 1);
  });
}

test('resize: the luma of Pillow', () => {
  const out = new Uint8Array(64);
  resizeAndCrop(pattern(23, 30), 8, 1, out);
  // It also rounds the luma, before the first pass.
  assert.ok(furthest(out, Buffer.from(pillowGrey, 'hex')) <= 2);
});

test('resize: an image of the right size stays as it is', () => {
  const image = pattern(8, 8);
  const out = new Uint8Array(3 * 64);
  resizeAndCrop(image, 8, 3, out);
  assert.equal(
    [...out],
    [0, 1, 2].flatMap((c) => [...image.data.filter((_, i) => i % 3 === c)]),
  );
});

// ---------------------------------------------------------------------------------------------------------- decoding

const decode = await openDecoder();

test('decode: PNG gives the pixels', async () => {
  const image = pattern(20, 10);
  const decoded = await decode(png(image));
  assert.equal([decoded.width, decoded.height], [20, 10]);
  assert.equal(decoded.data, Buffer.from(image.data));
});

const kinds: [string, () => Uint8Array | Promise<Uint8Array>, (image: RgbImage) => void][] = [
  [
    'grey PNG',
    () => encode({ width: 2, height: 1, data: Uint8Array.of(10, 200), channels: 1 }),
    ({ data }) => assert.equal([...data], [10, 10, 10, 200, 200, 200]),
  ],
  [
    '16-bit PNG',
    () => encode({ width: 1, height: 1, data: Uint16Array.of(65535, 0x8080, 0), channels: 3, depth: 16 }),
    ({ data }) => assert.equal([...data], [255, 128, 0]),
  ],
  [
    '16-bit grey PNG',
    () => encode({ width: 2, height: 1, data: Uint16Array.of(0x0a0a, 0xc8c8), channels: 1, depth: 16 }),
    ({ data }) => assert.equal([...data], [10, 10, 10, 200, 200, 200]),
  ],
  [
    'PNG with a palette',
    () =>
      raw(plain(4, 4, [250, 20, 90]))
        .png({ palette: true })
        .toBuffer(),
    ({ data }) => assert.equal([...data.subarray(0, 3)], [250, 20, 90]),
  ],
  [
    'transparency, laid on white',
    () => encode({ width: 2, height: 1, data: Uint8Array.of(9, 9, 9, 0, 100, 0, 255, 128), channels: 4 }),
    ({ data }) => {
      assert.equal([...data.subarray(0, 3)], [255, 255, 255]);
      // 100·128/255 + 255·127/255 and so on, give or take the library's rounding.
      assert.ok(furthest(data.subarray(3), Uint8Array.of(177, 127, 255)) <= 1, `${data}`);
    },
  ],
  [
    'JPEG',
    () =>
      raw(plain(16, 16, [200, 60, 60]))
        .jpeg({ quality: 95 })
        .toBuffer(),
    ({ data }) => assert.ok(furthest(data.subarray(0, 3), Uint8Array.of(200, 60, 60)) <= 3, `${data[0]}`),
  ],
  [
    'progressive JPEG',
    () =>
      raw(plain(16, 16, [200, 60, 60]))
        .jpeg({ progressive: true, quality: 95 })
        .toBuffer(),
    ({ data }) => assert.ok(furthest(data.subarray(0, 3), Uint8Array.of(200, 60, 60)) <= 3, `${data[0]}`),
  ],
  [
    'grey JPEG',
    () =>
      raw(plain(16, 16, [70, 70, 70]))
        .greyscale()
        .jpeg()
        .toBuffer(),
    ({ data }) => assert.ok(furthest(data.subarray(0, 3), Uint8Array.of(70, 70, 70)) <= 2, `${data[0]}`),
  ],
  [
    'CMYK JPEG',
    () =>
      raw(plain(16, 16, [200, 60, 60]))
        .toColourspace('cmyk')
        .jpeg({ quality: 95 })
        .toBuffer(),
    // There and back through inks changes a colour, but red stays red (inverted inks would give cyan).
    ({ data }) => assert.ok(data[0]! > 150 && data[1]! < 100 && data[2]! < 100, `${data.subarray(0, 3)}`),
  ],
  [
    'JPEG turned by its EXIF orientation',
    () => raw(pattern(20, 10)).withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    ({ width, height }) => assert.equal([width, height], [10, 20]),
  ],
];
for (const [what, bytes, check] of kinds)
  test(`decode: ${what}`, async () => check(await decode(await bytes())));

const photo = await raw(pattern(40, 30)).jpeg({ quality: 90 }).toBuffer();
const progressive = await raw(pattern(40, 30)).jpeg({ progressive: true }).toBuffer();
const drawing = png(pattern(40, 30));

/** A JPEG that says it had 60000x60000 pixels: in its frame header, SOF0, behind length and precision. */
const bomb = Uint8Array.from(photo);
new DataView(bomb.buffer).setUint32(photo.indexOf(Uint8Array.of(0xff, 0xc0)) + 5, (60000 << 16) | 60000);

const spoilt: [string, Uint8Array, RegExp][] = [
  ['an empty file', new Uint8Array(0), /an empty file/],
  ['text', Buffer.from('this is no image'), /neither JPEG nor PNG/],
  [
    'SVG',
    Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'),
    /neither JPEG nor PNG/,
  ],
  ['the first bytes of a JPEG', photo.subarray(0, 20), /truncated/],
  ['half a JPEG', photo.subarray(0, photo.length / 2), /truncated/],
  ['a JPEG without its last bytes', photo.subarray(0, -10), /truncated/],
  ['a JPEG without its end marker', photo.subarray(0, -2), /truncated/],
  ['half a progressive JPEG', progressive.subarray(0, progressive.length / 2), /truncated/],
  ['a progressive JPEG without its end marker', progressive.subarray(0, -2), /truncated/],
  ['half a PNG', drawing.subarray(0, drawing.length / 2), /truncated/],
  ['a PNG with a wrong byte', drawing.map((byte, i) => (i === 100 ? byte ^ 4 : byte)), /broken/],
  ['a decompression bomb', bomb, /60000x60000 pixels, more than the 67,108,864 that are decoded/],
];
for (const [what, bytes, message] of spoilt) {
  test(`decode: refuses ${what}`, async () => {
    const error = await decode(bytes).catch((reason: unknown) => reason);
    assert.instance(error, BadImage);
    assert.match((error as Error).message, message);
    assert.not.match((error as Error).message, /\n/);
  });
}

// ------------------------------------------------------------------------------------------------- finding and dividing

test('files: found in subfolders, by their names, sorted; systems’ own files are left out', () => {
  const files = [
    'b/ü.png',
    'b/Ünïcode 文.JPG',
    'a.JPEG',
    'c.jpg',
    '.hidden.png',
    '.git/x.png',
    'notes.txt',
    'd.gif',
  ];
  const root = put('found', Object.fromEntries(files.map((name) => [name, 'x'])));
  mkdirSync(join(root, 'folder.png'));
  symlinkSync(root, join(root, 'b', 'circle'));
  symlinkSync('nowhere', join(root, 'lost.png'));
  symlinkSync('itself.png', join(root, 'itself.png'));
  symlinkSync('c.jpg', join(root, 'link.jpg'));
  const { images, others } = listImages(root);
  assert.equal(
    images.map(({ path }) => path),
    ['a.JPEG', 'b/Ünïcode 文.JPG', 'b/ü.png', 'c.jpg', 'itself.png', 'link.jpg', 'lost.png'],
  );
  assert.equal([...others].sort(), ['d.gif', 'notes.txt']);
  assert.equal(
    images.map(({ size }) => size),
    [1, 1, 1, 1, -1, 1, -1],
  );
});

const listed = (paths: readonly string[]) =>
  [...paths].sort().map((path) => ({ path, size: 1, modified: 0 }));
const named = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}${String(i).padStart(5, '0')}.jpg`);
const divide = (paths: readonly string[], root = join(folder, 'no such')) => {
  const { train, test: held, notes } = arrange(root, listed(paths));
  const short = ({ files, labels }: typeof train) =>
    files.map(({ path }, i) => (labels ? `${path}=${labels[i]}` : path));
  return { train: short(train), test: short(held), notes };
};

test('division: the last tenth is the test set', () => {
  const { train, test: held } = divide(named('', 25));
  assert.equal(held, ['00023.jpg', '00024.jpg']);
  assert.equal(train, named('', 23));
});

test('division: one test image at least, 10,000 at most', () => {
  assert.equal(divide(['a.jpg', 'b.jpg']), { train: ['a.jpg'], test: ['b.jpg'], notes: [] });
  const { train, test: held } = divide(named('', 100_500));
  assert.equal([train.length, held.length], [90_500, 10_000]);
});

test('division: folders are classes, which take turns; a tenth of each is the test set', () => {
  const { train, test: held } = divide([...named('dog/', 20), ...named('cat/x/', 10)]);
  assert.equal(train.slice(0, 4), [
    'cat/x/00000.jpg=0',
    'dog/00000.jpg=1',
    'cat/x/00001.jpg=0',
    'dog/00001.jpg=1',
  ]);
  assert.equal(held, ['cat/x/00009.jpg=0', 'dog/00018.jpg=1', 'dog/00019.jpg=1']);
});

test('division: a single folder is no class, nor are folders beside images', () => {
  assert.equal(divide(['in/side/a.jpg', 'in/side/b.jpg']).train, ['in/side/a.jpg']);
  assert.equal(divide(['x/a.jpg', 'y/b.jpg', 'c.jpg']).train, ['c.jpg', 'x/a.jpg']);
});

test('division: labels are bytes: more classes than 256 are none', () => {
  const classes = (count: number) => named('', count).map((name) => `${name}/0.jpg`);
  assert.is(divide(classes(256)).train[0], '00000.jpg/0.jpg=0');
  assert.is(divide(classes(257)).train[0], '00000.jpg/0.jpg');
});

test('division: a tenth of all, where the classes have too few images for a tenth', () => {
  const { train, test: held } = divide(['a', 'b', 'c', 'd', 'e'].flatMap((name) => named(`${name}/`, 7)));
  assert.equal(held, ['b/00006.jpg=1', 'd/00006.jpg=3', 'e/00006.jpg=4']);
  assert.is(train.length, 32);
});

test('division: folders train and test, with classes', () => {
  const paths = ['d/Train/cat/1.png', 'd/Train/dog/2.png', 'd/test/dog/3.png', 'd/val/cat/4.png'];
  assert.equal(divide(paths), {
    train: ['d/Train/cat/1.png=0', 'd/Train/dog/2.png=1'],
    test: ['d/test/dog/3.png=1'],
    notes: ['1 images outside d/Train/ and d/test/ are left out, such as d/val/cat/4.png'],
  });
});

test('division: folders train and val; test images without classes', () => {
  assert.equal(divide(['train/a/1.png', 'train/b/2.png', 'val/3.png']), {
    train: ['train/a/1.png=0', 'train/b/2.png=1'],
    test: ['val/3.png'],
    notes: [],
  });
});

const partition = '000001.jpg 0\n000002.jpg 1\n000003.jpg 2\n000004.jpg 0\n000009.jpg 2\n';
const faces = ['000001.jpg', '000002.jpg', '000003.jpg', '000004.jpg'];
for (const [where, list, root, paths] of [
  ['inside', 'list_eval_partition.txt', '', faces.map((name) => `img_align_celeba/${name}`)],
  ['beside', 'list_eval_partition.txt', 'img_align_celeba', faces],
  ['with headings, as CSV', 'list_eval_partition.csv', '', faces.map((name) => `a/a/${name}`)],
] as const) {
  test(`division: CelebA's list, ${where}`, () => {
    const text = list.endsWith('csv')
      ? `image_id,partition\r\n${partition.replaceAll(' ', ',').replaceAll('\n', '\r\n')}`
      : partition;
    const home = put(`celeba ${where}`, { [list]: text });
    mkdirSync(join(home, 'img_align_celeba'), { recursive: true });
    const { train, test: held, notes } = divide(paths, join(home, root));
    assert.equal(train, [paths[0], paths[3]]);
    assert.equal(held, [paths[2]]);
    assert.equal(notes, [`1 images that ${list} counts to neither set are left out`]);
  });
}

test('division: refuses what leaves nothing to train on or to test with, and broken lists', () => {
  const refuses = (message: RegExp, paths: string[], list?: string) => {
    const home = put(
      `division ${message.source.slice(0, 20)}`,
      list ? { 'list_eval_partition.txt': list } : {},
    );
    assert.throws(
      () => divide(paths, home),
      (error: Error) => error instanceof UserError && message.test(error.message),
    );
  };
  refuses(/holds one image, but none of them for test/, ['a.jpg']);
  refuses(
    /holds 2 images, but none of them for training by .*list_eval/,
    faces.slice(2, 4),
    '000003.jpg 2\n000004.jpg 2',
  );
  refuses(
    /does not name 000005.jpg and 1 more images/,
    ['000001.jpg', '000005.jpg', '000006.jpg'],
    partition,
  );
  refuses(/line 2 is not a file's name and 0, 1 or 2: 'what is this'/, faces, '000001.jpg 0\nwhat is this\n');
});

// ----------------------------------------------------------------------------------------------------- whole folders

/** Twenty images of two classes, of many sizes; the colours tell them apart. */
const twenty: Record<string, Uint8Array> = {};
for (let i = 0; i < 20; i++) {
  const kind = i % 2 === 0 ? 'cat' : 'dog';
  twenty[`${kind}/${String(i).padStart(2, '0')}.png`] = png(plain(4 + i, 9, [10 * i, 0, 255 - i]));
}

test('folder: images, labels, normalization, checksums', async () => {
  const root = put('whole', twenty);
  const data = await load(root);
  assert.is(data.name, 'whole');
  assert.equal(data.shape, [3, 4, 4]);
  assert.equal(data.normalization, { mean: 0.5, std: 0.5 });
  assert.equal([data.train.count, data.test.count], [18, 2]);
  assert.equal(
    [...data.train.labels!],
    Array.from({ length: 18 }, (_, i) => i % 2),
  );
  assert.equal([...data.test.labels!], [0, 1]);
  assert.is(data.train.images.length, 18 * 48);
  for (let i = 0; i < 18; i++) {
    const image = data.train.images.subarray(i * 48, (i + 1) * 48);
    assert.equal([image[0], image[15], image[16], image[47]], [10 * i, 10 * i, 0, 255 - i], `image ${i}`);
  }
  // What `sha256sum` prints for the files of the test set, summed again.
  const lines = ['cat/18.png', 'dog/19.png'].map(
    (path) =>
      `${createHash('sha256')
        .update(readFileSync(join(root, path)))
        .digest('hex')}  ${path}\n`,
  );
  assert.is(data.checksums.test, createHash('sha256').update(lines.join('')).digest('hex'));
});

test('folder: grey, of another size, a part of it', async () => {
  const root = put('grey', twenty);
  const data = await load(root, { channels: 1, imageSize: 6, limit: 5 });
  assert.equal(data.shape, [1, 6, 6]);
  assert.equal([data.train.count, data.train.labels!.length, data.train.images.length], [5, 5, 5 * 36]);
  assert.is(data.test.count, 2);
  assert.is(data.train.images[4 * 36], Math.round(0.299 * 40 + 0.114 * 251));
});

test('folder: decoded once; again when a file changed, or the cache is broken', async () => {
  const root = put('cached', twenty);
  let decoded: number[] = [];
  const again = async (options: ImageFolderOptions = {}) => {
    decoded = [];
    return await load(root, {
      ...options,
      progress(done, total) {
        decoded.push(done);
        assert.ok(done <= total);
      },
    });
  };
  rmSync(cache, { recursive: true, force: true });
  const first = await again();
  assert.equal(
    decoded,
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  const second = await again();
  assert.is(decoded.length, 0);
  assert.is(summary(second), summary(first));

  const files = readdirSync(join(cache, 'tapegrad', 'data')).map((name) =>
    join(cache, 'tapegrad', 'data', name),
  );
  assert.is(files.length, 2);
  const whole = files.map((file) => readFileSync(file));
  for (const [what, spoil] of [
    ['truncated', (file: string) => truncateSync(file, 40)],
    ['empty', (file: string) => truncateSync(file, 0)],
    ['another byte', (file: string, bytes: Buffer) => writeFileSync(file, bytes.with(bytes.length - 40, 77))],
    ['another header', (file: string, bytes: Buffer) => writeFileSync(file, bytes.with(10, 255))],
    ['longer', (file: string, bytes: Buffer) => writeFileSync(file, Buffer.concat([bytes, bytes]))],
  ] as const) {
    files.forEach((file, i) => {
      spoil(file, whole[i]!);
    });
    assert.is(summary(await again()), summary(first), what);
    assert.is(decoded.length, 20, what);
    assert.ok(
      files.every((file, i) => readFileSync(file).equals(whole[i]!)),
      what,
    );
  }

  await again({ imageSize: 5 });
  assert.is(decoded.length, 20, 'another size');
  await again({ channels: 1 });
  assert.is(decoded.length, 20, 'grey');
  await again({ limit: 4 });
  assert.is(decoded.length, 4, 'the test set is there already');

  writeFileSync(join(root, 'cat', '00.png'), twenty['cat/02.png']!);
  const changed = await again();
  assert.is(decoded.length, 18, 'another training image');
  assert.is.not(changed.checksums.train, first.checksums.train);
  assert.is(changed.checksums.test, first.checksums.test);
  utimesSync(join(root, 'cat', '00.png'), 1e9, 1e9);
  assert.is(summary(await again()), summary(changed));
  assert.is(decoded.length, 18, 'another time');
});

test('folder: a new cache file removes those of ours that nobody has used for 30 days', async () => {
  rmSync(cache, { recursive: true, force: true });
  const root = put('pruned', twenty);
  await load(root);
  const at = join(cache, 'tapegrad', 'data');
  const used = readdirSync(at);
  const daysAgo = (days: number) => Date.now() / 1000 - days * 24 * 3600;
  const leave = (name: string, days: number, make = (path: string) => writeFileSync(path, 'something')) => {
    make(join(at, name));
    utimesSync(join(at, name), daysAgo(days), daysAgo(days));
    return name;
  };
  const key = (digit: string) => `${digit.repeat(32)}.images`;
  const stay = [
    ...used,
    leave(key('a'), 29),
    leave(`${key('b')}.77.tmp`, 29),
    leave('notes.images', 99),
    leave(`${key('c')}.txt`, 99),
    leave(key('d'), 99, (path) => mkdirSync(path)),
  ];
  leave(key('e'), 31);
  leave(`${key('f')}.77.tmp`, 31);
  for (const name of used) utimesSync(join(at, name), daysAgo(40), daysAgo(40));

  await load(root); // uses its own, and writes none: all stay
  assert.is(readdirSync(at).length, stay.length + 2);
  await load(root, { imageSize: 5 });
  const now = readdirSync(at);
  assert.equal(now.filter((name) => stay.includes(name)).sort(), stay.sort());
  assert.is(now.length, stay.length + 2, 'and the two new ones');
});

test('folder: without a cache where none can be written, with a note', async () => {
  const root = put('uncached', twenty);
  const blocked = join(folder, 'blocked');
  writeFileSync(blocked, 'a file where the cache folder should be');
  process.env.XDG_CACHE_HOME = blocked;
  try {
    const notes: string[] = [];
    const data = await load(root, { note: (message) => notes.push(message) });
    assert.is(data.train.count, 18);
    assert.is(notes.length, 2);
    assert.match(
      notes[0]!,
      /the decoded images are not kept for the next time: .*blocked.*: a part of the path is a file/,
    );
  } finally {
    process.env.XDG_CACHE_HOME = cache;
  }
});

test('folder: bad images are refused by name, or skipped with a note', async () => {
  const root = put('bad', {
    ...twenty,
    'cat/00.png': '',
    'cat/04.png': 'text',
    'dog/03.png': twenty['dog/03.png']!.subarray(0, 60),
    'dog/19.png': twenty['dog/19.png']!.subarray(0, 60),
  });
  symlinkSync('nowhere.png', join(root, 'cat', '03.png'));
  const found =
    /5 of 21 images cannot be used: cat\/00.png \(an empty file\), cat\/03.png \(cannot read it: no such file or folder\), cat\/04.png \(neither JPEG nor PNG\), dog\/03.png \(truncated: its data end early\), dog\/19.png \(truncated: its data end early\)/;
  await refused(
    load(root),
    new RegExp(`^${root}: ${found.source}; repair or remove them, or leave them out with --bad`),
  );

  for (const time of ['decoded', 'from the cache']) {
    const notes: string[] = [];
    const data = await load(root, { badImages: 'skip', note: (message) => notes.push(message) });
    assert.equal([data.train.count, data.test.count], [15, 1], time);
    assert.is(notes.length, 1);
    assert.match(notes[0]!, found);
    assert.equal([data.train.images.length, data.test.images.length], [15 * 48, 48]);
    const reds = Array.from({ length: 15 }, (_, i) => data.train.images[48 * i]! / 10);
    assert.equal(reds, [2, 1, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15, 18], time);
    assert.equal(
      [...data.train.labels!],
      reds.map((i) => i % 2),
      time,
    );
    assert.is(data.test.images[0], 170, time);
  }

  // What could not be read is looked at again: nothing in its name, size or time may tell that it can be now.
  rmSync(join(root, 'cat', '03.png'));
  let count = 0;
  await load(root, { badImages: 'skip', progress: () => count++ });
  assert.is(count, 18);
});

test('folder: with the bad images skipped it is what it would be without them', async () => {
  const notes: string[] = [];
  const skipping = (root: string, options: ImageFolderOptions = {}) =>
    load(root, { badImages: 'skip', note: (message) => notes.push(message), ...options });
  const twelve = Object.fromEntries(Object.entries(twenty).slice(0, 12));
  const withBad = put('last broken', { ...twelve, 'dog/99.png': 'text' });
  const without = put('removed/last broken', twelve);
  assert.is(summary(await skipping(withBad)), summary(await load(without)));
  assert.is(notes.length, 1);
  assert.match(
    notes[0]!,
    /1 of 13 images cannot be used: dog\/99.png \(neither JPEG nor PNG\); they are left out$/,
  );

  // In either half, in all of a class, and beside the classes; with a limit, those that were looked at.
  const few = { 'cat/01.png': 'x', 'dog/98.png': 'x' };
  const clean = put('removed/broken', twenty);
  for (const [bad, options] of [
    [{ ...few, 'cover.jpg': '', 'ant/0.png': 'x', 'ant/1.png': 'x' }, {}],
    [few, { limit: 3 }],
    [few, { limit: 18 }],
  ] as const) {
    const root = put(`${Object.keys(bad).length} ${JSON.stringify(options).length}/broken`, {
      ...twenty,
      ...bad,
    });
    const wanted = summary(await load(clean, options));
    assert.is(summary(await skipping(root, options)), wanted, 'decoded');
    assert.is(summary(await skipping(root, options)), wanted, 'from the cache');
  }
});

test('folder: with the bad images skipped, each half by its own folder', async () => {
  const [good, bad] = [twenty['cat/00.png']!, 'x'];
  const root = put('own halves', {
    'train/1.png': good,
    'train/2.png': bad,
    'test/3.png': good,
    'test/4.png': bad,
  });
  const data = await load(root, { badImages: 'skip' });
  assert.equal([data.train.count, data.test.count], [1, 1]);
  // The training set is not divided instead.
  const empty = put('empty half', { 'train/1.png': good, 'train/2.png': good, 'test/3.png': bad });
  await refused(
    load(empty, { badImages: 'skip' }),
    /1 of 3 images .*test\/3.png .*; too few are left to train on/,
  );
});

test('folder: twenty bad images are named, of more the number is said', async () => {
  const rotten = Object.fromEntries(Array.from({ length: 25 }, (_, i) => [`x${10 + i}.png`, 'x']));
  const root = put('many', { ...twenty, ...rotten });
  await refused(
    load(root),
    /25 of 45 images cannot be used: x10.png .*x29.png \(neither JPEG nor PNG\) and 5 more;/,
  );
});

test('folder: a name that is no UTF-8 is a file that cannot be read', async () => {
  const path = put('latin1', twenty);
  writeFileSync(Buffer.concat([Buffer.from(`${path}/cat/x`), Buffer.of(0xe9), Buffer.from('.png')]), 'x');
  await refused(load(path), /1 of 21 images cannot be used: cat\/x\ufffd.png \(cannot read it: no such file/);
});

test('folder: a name with the end of a line, or a command for the terminal, is named in one line', async () => {
  const path = put('lines', { ...twenty, 'cat/a\n\u001b[2Jb.png': 'x' });
  await refused(load(path), /: 1 of 21 images cannot be used: cat\/a\\u000a\\u001b\[2Jb.png \(neither JPEG/);
});

const root = process.getuid?.() === 0;
(root ? test.skip : test)('folder: an image without permission to read it', async () => {
  const path = put('locked', twenty);
  chmodSync(join(path, 'cat', '00.png'), 0);
  await refused(
    load(path),
    /1 of 20 images cannot be used: cat\/00.png \(cannot read it: permission denied\)/,
  );
  chmodSync(join(path, 'cat', '00.png'), 0o600);
  assert.is((await load(path)).train.count, 18);
});

test('folder: refuses when too few good images are left', async () => {
  const path = put('rotten', { 'a.png': 'x', 'b.png': 'y', 'c.png': twenty['cat/00.png']! });
  await refused(
    load(path, { badImages: 'skip' }),
    /2 of 3 images cannot be used: a.png \(neither JPEG nor PNG\), b.png .*; too few are left to train on/,
  );
});

test.run();
