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

/** Bytes of a minified bundle, gzipped. */
async function gzipped(app: string, source: string): Promise<number> {
  const { outputFiles } = await build({
    stdin: { contents: source, resolveDir: app },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    logLevel: 'silent',
  });
  return gzipSync(outputFiles[0]!.contents, { level: 9 }).length;
}

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

  // The goal is 50 kB: see docs/packages.md for what stands in its way.
  test('a program with tensors and gradients takes at most 60 kB, its WGSL included', async () => {
    const bytes = await gzipped(app, smallest);
    process.stdout.write(`\nbundle: ${bytes} bytes gzipped\n`);
    assert.ok(bytes <= 60_000, `${bytes} bytes`);
  });

  test('a bundle keeps what acts when loaded: methods, and gradients', async () => {
    const source = `import '@tapegrad/autograd';
import { referenceDevice, tensor } from '@tapegrad/tensor';
const x = tensor([2], { device: referenceDevice });
x.requiresGrad = true;
x.mul(x).sum().backward();
export const gradient = await x.grad.item();`;
    const { outputFiles } = await build({
      stdin: { contents: source, resolveDir: app },
      bundle: true,
      format: 'esm',
      write: false,
    });
    const url = `data:text/javascript;base64,${Buffer.from(outputFiles[0]!.contents).toString('base64')}`;
    const { gradient } = (await import(url)) as { gradient: number };
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

  test('the bundle of esbuild runs from a file, which may not fetch', () => {
    assert.not.match(readFileSync(join(folder, 'esbuild', 'main.js'), 'utf8'), /import\.meta\.url|\bfetch\(/);
  });
}
