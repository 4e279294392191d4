/* Runs without an adapter. */

import {
  createRaster,
  decodePng,
  encodePng,
  imagesOf,
  pngUri,
  type Raster,
  sideBySide,
  stacked,
  tiles,
} from '@tapegrad/plot';
import {
  encodePixels,
  encodePngAside,
  encodePng as encodePngInNode,
  imageGrid,
  rasterized,
  textMeasure,
} from '@tapegrad/plot/node';
import { decode } from 'fast-png';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const pixel = ({ width, data }: Raster, x: number, y: number): number[] => [
  ...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3),
];

type Rgb = readonly [number, number, number];

/** How many pixels have this colour, and the bounds of them. */
function find({ width, data }: Raster, color: Rgb) {
  let [count, left, top, right, bottom] = [0, Infinity, Infinity, -1, -1];
  for (let i = 0; i < data.length / 3; i++) {
    if (data[3 * i] !== color[0] || data[3 * i + 1] !== color[1] || data[3 * i + 2] !== color[2]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    count++;
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  return { count, left, top, right, bottom };
}

const white: Rgb = [255, 255, 255];

// -------------------------------------------------------------------------------------------------------------- PNG

const encoders = { 'by JavaScript': encodePng, "by Node's zlib": encodePngInNode, aside: encodePngAside };

for (const [how, encoded] of Object.entries(encoders)) {
  test(`png: colours and greys survive (${how})`, async () => {
    const raster = createRaster(7, 5, 30);
    raster.data.set([255, 0, 0], 3 * 9);
    const colours = decode(await encoded(raster));
    assert.equal([colours.width, colours.height, colours.channels, colours.depth], [7, 5, 3, 8]);
    assert.equal([...colours.data], [...raster.data]);

    const grey = createRaster(3, 1, 9);
    grey.data.fill(0, 3, 6);
    const greys = decode(await encoded(grey));
    assert.is(greys.channels, 1);
    assert.equal([...greys.data], [9, 0, 9]);
    assert.equal(await encoded(raster), await encoded(raster));
  });
}

test('png: in Node the bytes are the same, compressed aside or not', async () => {
  const raster = createRaster(50, 40, 3);
  assert.equal(encodePngInNode(raster), await encodePngAside(raster));
  assert.ok(encodePngInNode(raster).length < encodePngInNode(raster, 0).length);
});

test('png: four bits a pixel, rows padded; a wrong number of bytes is said', () => {
  const data = Uint8Array.of(0x12, 0x30, 0xf0, 0xa0);
  const read = decode(encodePixels({ width: 3, height: 2, channels: 1, depth: 4, data }));
  assert.equal([read.width, read.height, read.channels, read.depth], [3, 2, 1, 4]);
  assert.equal([...read.data], [...data]);
  assert.throws(
    () => encodePixels({ width: 3, height: 3, channels: 1, depth: 4, data }),
    /png: 4 bytes are no picture of 3 x 3 pixels, 1 x 4 bits each: it takes 6/,
  );
});

test('png: as an address, of any length', () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 31) % 256);
  assert.equal(new Uint8Array(Buffer.from(pngUri(bytes).split(',')[1]!, 'base64')), bytes);
});

// ------------------------------------------------------------------------------------------------------------ images

test('tiles: images row by row with grey between', () => {
  const raster = tiles({ pixels: Float32Array.of(0, 1, 1), shape: [1, 1, 1] }, 2, 1);
  const greys = Array.from({ length: raster.width * raster.height }, (_, i) => raster.data[3 * i]);
  assert.equal([raster.width, raster.height], [3, 3]);
  assert.equal(greys, [0, 96, 255, 96, 96, 96, 255, 96, 96]);
});

test('grid: every pixel is where it belongs', async () => {
  const shape = [1, 2, 3] as const;
  const pixels = Uint8Array.from({ length: 5 * 6 }, (_, i) => i * 8);
  const [scale, padding] = [2, 3];
  const raster = await imageGrid({ pixels, shape }, { columns: 3, scale, padding });
  assert.equal([raster.width, raster.height], [12 + 3 * 6 + 2 * 3, 12 + 2 * 4 + 3]);
  for (let image = 0; image < 5; image++) {
    for (let i = 0; i < 6; i++) {
      const x = 6 + (image % 3) * 9 + (i % 3) * 2;
      const y = 6 + Math.floor(image / 3) * 7 + Math.floor(i / 3) * 2;
      const level = (image * 6 + i) * 8;
      for (const [dx, dy] of [
        [0, 0],
        [1, 1],
      ] as const) {
        assert.equal(pixel(raster, x + dx, y + dy), [level, level, level], `image ${image}, pixel ${i}`);
      }
    }
  }
  assert.is(find(raster, white).count, raster.width * raster.height - 5 * 24);
});

test('grid: channels are planes, floats are clipped, NaN is black', async () => {
  const grey = await imageGrid(
    { pixels: Float32Array.of(-1, 0.5, 7, Number.NaN), shape: [1, 1, 4] },
    { scale: 1, padding: 0 },
  );
  assert.equal([...grey.data], [0, 0, 0, 128, 128, 128, 255, 255, 255, 0, 0, 0]);
  const color = await imageGrid(
    { pixels: Float32Array.of(1, 0, 0, 1, 0, 0.2), shape: [3, 1, 2] },
    { scale: 1, padding: 0 },
  );
  assert.equal([...color.data], [255, 0, 0, 0, 255, 51]);
});

test('grid: labels and title take room of their own, and no pixel of an image changes', async () => {
  const pixels = Uint8Array.from({ length: 6 * 16 }, (_, i) => 100 + i);
  const batch = { pixels, shape: [1, 4, 4] as const };
  const options = {
    columns: 3,
    title: 'a title that is wider than the images',
    rowLabels: ['input', 'output'],
    columnLabels: ['zero', 'one', 'a wide one'],
  };
  const plain = await imageGrid(batch, { columns: 3 });
  const full = await imageGrid(batch, options);
  const measure = await textMeasure();
  assert.ok(full.width >= measure(options.title, 20, 600) + 24, 'the title is not cut');
  assert.ok(full.width > plain.width && full.height > plain.height);
  // The first image, found by its first pixel: its rows are whole.
  const first = find(full, [100, 100, 100]);
  for (let i = 0; i < 16; i++) {
    const [x, y] = [first.left + 2 * (i % 4), first.top + 2 * Math.floor(i / 4)];
    assert.equal(pixel(full, x, y), [100 + i, 100 + i, 100 + i]);
    assert.equal(pixel(full, x + 1, y + 1), [100 + i, 100 + i, 100 + i]);
  }
  const inked = (raster: Raster, left: number, top: number, right: number, bottom: number) => {
    let found = 0;
    for (let y = top; y < bottom; y++)
      for (let x = left; x < right; x++) if (pixel(raster, x, y)[0]! < 200) found++;
    return found;
  };
  assert.ok(inked(full, 0, first.top, first.left - 8, full.height) > 40, 'labels of the rows on the left');
  assert.ok(inked(full, first.left, first.top - 20, full.width, first.top - 4) > 40, 'of the columns above');
  assert.is(inked(full, 0, 0, full.width, 8), 0, 'nothing at the edge');
  assert.is(inked(full, 0, 0, 8, full.height), 0);
  assert.is(inked(full, full.width - 8, 0, full.width, full.height), 0);
});

test('grid: its PNG says where the images lie, and gives them back as they were', async () => {
  for (const shape of [
    [1, 3, 4],
    [3, 2, 5],
  ] as const) {
    const pixels = Uint8Array.from({ length: 7 * shape[0] * shape[1] * shape[2] }, (_, i) => (i * 37) % 256);
    const rowLabels = ['μ “first”', '漢 😀', 'c'];
    const drawn = await imageGrid(
      { pixels, shape },
      { columns: 3, title: 'a title', rowLabels, columnLabels: ['x', 'yy', 'z'] },
    );
    assert.equal(decodePng(encodePng(drawn)), drawn);
    const read = decodePng(await encodePngAside(drawn));
    assert.equal(read, drawn);
    assert.equal(imagesOf(read), { pixels, shape });
    assert.equal(read.grid!.rowLabels, rowLabels);
  }
  assert.is(imagesOf(decodePng(encodePng(createRaster(3, 2, 7)))), undefined);
});

test('grid: refuses what is no image', async () => {
  const refused = async (made: Promise<Raster>, message: RegExp) =>
    assert.match((await made.catch((error: Error) => error.message)) as string, message);
  await refused(
    imageGrid({ pixels: new Uint8Array(10), shape: [1, 2, 3] }),
    /10 values do not fill images of/,
  );
  await refused(imageGrid({ pixels: new Uint8Array(8), shape: [2, 2, 2] }), /2 channels; 1 or 3/);
});

test('compose: pictures side by side, in lines that fit, and one below the other', () => {
  const square = (size: number, level: number) => createRaster(size, size, level);
  const three = [square(4, 10), square(2, 20), square(3, 30)];
  const lines = sideBySide(three, 6);
  assert.equal([lines.width, lines.height], [6, 7]);
  assert.equal(
    [pixel(lines, 0, 0)[0], pixel(lines, 5, 1)[0], pixel(lines, 5, 2)[0], pixel(lines, 2, 6)[0]],
    [10, 20, 255, 30],
  );
  const pile = stacked(three);
  assert.equal([pile.width, pile.height, pixel(pile, 1, 5)[0], pixel(pile, 0, 8)[0]], [4, 9, 20, 30]);
});

// -------------------------------------------------------------------------------------------------------------- font

const letter = async (character: string, weight = 400) => {
  const { data } = await rasterized(
    {
      svg: `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40"><text x="4" y="30" font-family="Inter" font-size="28" font-weight="${weight}">${character}</text></svg>`,
    },
    1,
  );
  return Buffer.from(data).toString('base64');
};

test('font: every character that pictures use has a glyph of its own in the packed font', async () => {
  const blank = await letter(' ');
  const seen = new Map<string, string>();
  for (const character of '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%()*+,-./:;=?[]_βμσελ×±→−·…éüßЖ') {
    const drawn = await letter(character);
    assert.is.not(drawn, blank, `${character} is not drawn`);
    assert.is(seen.get(drawn), undefined, `${character} looks like ${seen.get(drawn)}`);
    seen.set(drawn, character);
  }
  assert.is.not(await letter('a', 600), await letter('a'), 'titles are bolder');
});

test('font: text is as wide as it is drawn', async () => {
  const measure = await textMeasure();
  const text = 'latent space, 20 %';
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="400" height="40"><text x="10" y="30" font-family="Inter" font-size="24" font-weight="600">${text}</text></svg>`;
  const raster = await rasterized({ svg }, 1);
  let [left, right] = [400, 0];
  for (let x = 0; x < 400; x++)
    for (let y = 0; y < 40; y++)
      if (pixel(raster, x, y)[0]! < 250) [left, right] = [Math.min(left, x), Math.max(right, x)];
  assert.ok(Math.abs(right + 1 - left - measure(text, 24, 600)) < 2, `${right + 1 - left}`);
  assert.is(measure(text, 48, 600), 2 * measure(text, 24, 600));
});

test.run();
