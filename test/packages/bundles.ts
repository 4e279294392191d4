import { once } from 'node:events';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import type { Page } from 'puppeteer-core';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { build as viteBuild, createServer as viteServer } from 'vite';
import { inChromium } from '../helpers/chromium.ts';
import { filesIn, install, read, type Tarball } from '../helpers/packed.ts';
import { faultsOf, serveFolder } from '../helpers/web.ts';

/** The README's program, in a browser. */
const body = `
setDefaultDevice(await openBrowserDevice());
const x = requiresGrad(tensor([[1, 2], [3, 4]]));
const loss = x.matmul(x).add(x).sum();
loss.backward();
globalThis.result = JSON.stringify([await loss.item(), await x.grad.array()]);
`;
const program = `import { openBrowserDevice, requiresGrad, setDefaultDevice, tensor } from 'tapegrad';${body}`;
const smallest = `import { requiresGrad } from '@tapegrad/autograd';
import { openBrowserDevice, setDefaultDevice, tensor } from '@tapegrad/tensor';${body}`;
const result = '[64,[[8,12],[10,14]]]';

const html = (head: string) =>
  `<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>test</title>${head}</html>\n`;

/** Opens a page, and returns what its program found. Nothing may be asked for elsewhere, or fail. */
async function resultOf(page: Page, url: string): Promise<string> {
  const faults = faultsOf(page, url);
  await page.goto(url);
  await page.waitForFunction('globalThis.result', { timeout: 120_000 });
  assert.equal(faults, []);
  return page.evaluate('globalThis.result') as Promise<string>;
}

/** Vite's page tells its socket's port from the configuration. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** A minified bundle. */
async function bundled(app: string, source: string): Promise<Uint8Array> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: app },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  return outputFiles[0]!.contents;
}

/** Bytes of it, gzipped. */
const gzipped = (bundle: Uint8Array) => gzipSync(bundle, { level: 9 }).length;

/** What a bundle that needs no file exports. */
const loaded = (bundle: Uint8Array): Promise<Record<string, unknown>> =>
  import(`data:text/javascript;base64,${Buffer.from(bundle).toString('base64')}`);

/** Functions of a [4, 4] tensor x, a family of ops or more each; and words of the WGSL that has to come with them. */
const families: readonly [expression: string, names: string, wgsl?: RegExp][] = [
  ['maxPool2d(x.reshape([1, 1, 4, 4]), 2)', 'maxPool2d', /fn maximum\(/],
  ['avgPool2d(x.reshape([1, 1, 4, 4]), 3, { padding: 1 })', 'avgPool2d', /fn spread\(/],
  [
    'conv2d(x.reshape([1, 1, 4, 4]), x.slice([0, 2], [1, 3]).reshape([1, 1, 2, 2]), { stride: 2 })',
    'conv2d',
    /name:"merge_phases"/,
  ],
  [
    'convTranspose2d(x.reshape([1, 1, 4, 4]), x.reshape([1, 1, 4, 4]))',
    'convTranspose2d',
    /name:"merge_phases"/,
  ],
  ["gather(x, 0, tensor([[3, 1, 0, 1]], { dtype: 'int32' }))", 'gather', /fn scatter_add\(/],
  [
    "scatterAdd(x, 0, tensor([[1, 1, 0, 1]], { dtype: 'int32' }).expand([4, 4]), 2)",
    'scatterAdd',
    /fn scatter_add\(/,
  ],
  ["einsum('ij,kj->ik', x, x)", 'einsum'],
  ['x.cumsum(0)', ''],
  ['x.prod(1)', ''],
  ['x.max(1)', ''],
  ['x.std(0)', ''],
  ['x.softmax().add(x.logSoftmax())', ''],
  [
    'concat([x.pad([[1, 0], [0, 1]]), x.permute([1, 0]).expand([2, 4, 4]).sum(0).reshape([4, 4]).pad([[0, 1], [0, 1]])])',
    'concat',
  ],
  ["x.cast('float16').gelu().cast('float32')", ''],
];

export async function testBundles(tarballs: readonly Tarball[], app: string, folder: string): Promise<void> {
  const pages = join(folder, 'pages');
  mkdirSync(pages);
  writeFileSync(join(pages, 'main.js'), program);
  writeFileSync(join(pages, 'index.html'), html('<script type="module" src="./main.js"></script>'));
  symlinkSync(join(app, 'node_modules'), join(pages, 'node_modules'), 'junction');

  test('tensors, gradients, layers and models install by themselves, without a registry or native code', async () => {
    const names = ['shaders', 'tensor', 'autograd', 'nn', 'vae'].map((name) => `@tapegrad/${name}`);
    const some = tarballs.filter(({ manifest }) => names.includes(manifest.name));
    const alone = await install(join(folder, 'alone'), some, ['--offline']);
    const files = filesIn(join(alone, 'node_modules'));
    const packages = files.filter((file) => file.endsWith('/package.json')).map(dirname);
    assert.equal(packages.sort(), [...names].sort());
    assert.equal(
      files.filter((file) => /\.(node|so|dll|dylib)(\.|$)/.test(file)),
      [],
    );
  });

  test('a program with tensors and gradients takes at most 50 kB, its WGSL included', async () => {
    const bytes = gzipped(await bundled(app, smallest));
    process.stdout.write(`\nbundle: ${bytes} bytes gzipped\n`);
    assert.ok(bytes <= 50_000, `${bytes} bytes`);
  });

  test('a bundle leaves out the ops that its program does not use, and their WGSL', async () => {
    const text = Buffer.from(await bundled(app, smallest)).toString();
    assert.match(text, /contraction_tiles/);
    for (const [expression, , wgsl] of families) if (wgsl) assert.not.match(text, wgsl, expression);
    for (const name of ['pool', 'gather', 'random', 'optimize', 'training', 'log_step', 'contraction_slides'])
      assert.not.match(text, new RegExp(`name:"${name}"`), name);
  });

  test('a bundle has what the derivatives of its functions need, to the second order', async () => {
    for (const [expression, names, wgsl] of families) {
      const source = (all: boolean) => `import { ${all ? 'defineRule, ' : ''}grad } from '@tapegrad/autograd';
import { ${all ? 'ops, ' : ''}referenceDevice, setDefaultDevice, square, sum, tensor${names && `, ${names}`} } from '@tapegrad/tensor';
${all ? 'export const everything = [ops, defineRule];' : ''}
setDefaultDevice(referenceDevice);
const x = tensor([[0.5, -1, 2, 0.25], [3, 1.5, -0.5, 1], [-2, 0.75, 1.25, -1.5], [2.5, -3, 0.125, 4]]);
const first = grad((x) => sum(square(${expression})));
const second = grad((x) => sum(square(first(x))));
export const gradients = [await first(x).array(), await second(x).array()];`;
      const bundle = await bundled(app, source(false));
      const [{ gradients }, { gradients: expected }] = (await Promise.all([
        loaded(bundle),
        bundled(app, source(true)).then(loaded),
      ])) as { gradients: number[][][] }[] as [{ gradients: unknown }, { gradients: unknown }];
      assert.equal(gradients, expected, expression);
      if (wgsl) assert.match(Buffer.from(bundle).toString(), wgsl, expression);
    }
  });

  test('a bundle with pooling gives its gradient to the first of the greatest', async () => {
    const { gradient } = await loaded(
      await bundled(
        app,
        `import { requiresGrad } from '@tapegrad/autograd';
import { maxPool2d, referenceDevice, tensor } from '@tapegrad/tensor';
const x = requiresGrad(tensor([[[[1, 5, 2, 2], [3, 4, 2, 2]]]], { device: referenceDevice }));
maxPool2d(x, 2).mul(tensor([[[[10, 20]]]], { device: referenceDevice })).sum().backward();
export const gradient = await x.grad.array();`,
      ),
    );
    assert.equal(gradient, [
      [
        [
          [0, 10, 20, 0],
          [0, 0, 0, 0],
        ],
      ],
    ]);
  });

  test('a bundle keeps what acts when loaded: methods, and gradients', async () => {
    const source = `import '@tapegrad/autograd';
import { referenceDevice, tensor } from '@tapegrad/tensor';
const x = tensor([2], { device: referenceDevice });
x.requiresGrad = true;
x.mul(x).sum().backward();
export const gradient = await x.grad.item();`;
    const { gradient } = await loaded(await bundled(app, source));
    assert.is(gradient, 4);
  });

  test('pages: an import map, and bundles of esbuild and Vite, and its development server', async () => {
    await inChromium(async (page) => {
      // The packages' files as they are: what a CDN serves.
      const imports: Record<string, string> = {};
      for (const { manifest } of tarballs) {
        for (const [entry, target] of Object.entries(manifest.exports)) {
          const path = typeof target === 'string' ? target : target.default!;
          imports[`${manifest.name}${entry.slice(1)}`] = `./node_modules/${manifest.name}/${path.slice(2)}`;
        }
      }
      imports.fflate = './node_modules/fflate/esm/browser.js';
      const map = join(folder, 'map');
      mkdirSync(map);
      symlinkSync(join(app, 'node_modules'), join(map, 'node_modules'), 'junction');
      const script = `<script type="importmap">${JSON.stringify({ imports })}</script><script type="module">${program}</script>`;
      writeFileSync(join(map, 'index.html'), html(script));
      const bundled = join(folder, 'esbuild');
      await build({ entryPoints: [join(pages, 'main.js')], bundle: true, format: 'esm', outdir: bundled });
      writeFileSync(join(bundled, 'index.html'), read(pages, 'index.html'));
      const built = join(folder, 'vite');
      await viteBuild({
        root: pages,
        configFile: false,
        logLevel: 'error',
        base: './',
        build: { outDir: built, target: 'esnext' },
      });
      for (const served of [map, bundled, built]) {
        const { url, close } = await serveFolder(served);
        try {
          assert.is(await resultOf(page, url), result, served);
        } finally {
          close();
        }
      }
      const server = await viteServer({
        root: pages,
        configFile: false,
        logLevel: 'error',
        cacheDir: join(folder, 'vite-cache'),
        server: { port: await freePort(), host: '127.0.0.1', fs: { allow: [folder] } },
      });
      try {
        await server.listen();
        assert.is(await resultOf(page, server.resolvedUrls!.local[0]!), result, 'vite dev');
      } finally {
        await server.close();
      }
    });
  });

  test('a page that takes the device of Node is told to take its own', async () => {
    const mistaken = join(folder, 'mistaken');
    mkdirSync(mistaken);
    writeFileSync(
      join(mistaken, 'main.js'),
      `import { openDevice } from '@tapegrad/node';
openDevice().catch(({ message }) => { globalThis.result = message; });`,
    );
    writeFileSync(join(mistaken, 'index.html'), read(pages, 'index.html'));
    symlinkSync(join(app, 'node_modules'), join(mistaken, 'node_modules'), 'junction');
    const outDir = join(mistaken, 'built');
    await viteBuild({ root: mistaken, configFile: false, logLevel: 'error', base: './', build: { outDir } });
    const { url, close } = await serveFolder(outDir);
    try {
      await inChromium(async (page) => {
        assert.match(await resultOf(page, url), /^openDevice: .* a page calls openBrowserDevice\(\)/);
      });
    } finally {
      close();
    }
  });

  test('the bundle of esbuild runs from a file, which may not fetch', () => {
    assert.not.match(readFileSync(join(folder, 'esbuild', 'main.js'), 'utf8'), /import\.meta\.url|\bfetch\(/);
  });
}
