import { copyFileSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { filesIn, read, root, run, succeed, type Tarball } from '../helpers/packed.ts';

/** What a program's comments say that it prints. */
export const promised = (program: string): string[] =>
  [...program.matchAll(/^console\.log.*; \/\/ (.*)$/gm)].map((match) => match[1]!);

/** The README's program, as JavaScript. */
export function quickstart(): { readonly code: string; readonly prints: readonly string[] } {
  const source = read(root, 'examples/quickstart.ts');
  return { code: transformSync(source, { loader: 'ts', format: 'esm' }).code, prints: promised(source) };
}

/** A module that, imported first, writes every file that is loaded afterwards into a log; returns its URL. */
function recorder(folder: string, log: string): string {
  const file = join(folder, 'record-loaded.mjs');
  const hooks = `import { appendFileSync } from 'node:fs';
export function load(url, context, next) {
  appendFileSync(${JSON.stringify(log)}, url + '\\n');
  return next(url, context);
}`;
  writeFileSync(
    file,
    `import { appendFileSync } from 'node:fs';
import { createRequire, register } from 'node:module';
register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hooks)}));
process.on('exit', () => {
  const { sharedObjects } = process.report.getReport();
  const files = [...Object.keys(createRequire(import.meta.url).cache), ...sharedObjects];
  appendFileSync(${JSON.stringify(log)}, files.join('\\n') + '\\n');
});
`,
  );
  return pathToFileURL(file).href;
}

/** Programs of users, under plain Node. */
export function testPrograms(tarballs: readonly Tarball[], app: string): void {
  test('nothing that loads or bundles TypeScript is installed', () => {
    const installed = readdirSync(join(app, 'node_modules'));
    assert.equal(
      installed.filter((name) => ['tsx', 'esbuild', '@esbuild', 'typescript'].includes(name)),
      [],
    );
  });

  for (const { manifest } of tarballs) {
    const [, code] = /```js\n([\s\S]*?)```/.exec(read(app, 'node_modules', manifest.name, 'README.md')) ?? [];
    // A page's program is tried in a browser.
    if (!code || code.includes('(await openBrowserDevice())')) continue;
    test(`the program in the README of ${manifest.name} prints what it says`, async () => {
      const file = join(app, 'readme.mjs');
      writeFileSync(file, code);
      copyFileSync(join(root, 'test/interchange/golden/vae-mlp.pt'), join(app, 'weights.pt'));
      const { stdout } = await succeed(process.execPath, [file], { cwd: app });
      const lines = stdout.trim().split('\n');
      const expected = promised(code).filter((line) => /^[[\d]/.test(line));
      for (const line of expected) {
        const close = line.replace(', or nearly', '');
        const found = lines.some((one) => one === close || Math.abs(Number(one) - Number(close)) < 0.05);
        assert.ok(found, `${line} is among ${stdout}`);
      }
    });
  }

  test('an error is shown at its place in the sources', async () => {
    const file = join(app, 'error.mjs');
    writeFileSync(
      file,
      `import { referenceDevice, tensor } from 'tapegrad';
tensor([1], { device: referenceDevice }).reshape([3, 2]);
`,
    );
    const { code, stderr } = await run(process.execPath, ['--enable-source-maps', file], { cwd: app });
    assert.is(code, 1);
    assert.match(stderr, /@tapegrad\/tensor\/src\/ops\/movement\.ts:\d+/);
    assert.match(stderr, 'Error: reshape: [1]');
  });

  const own = [
    '@tapegrad/autograd',
    '@tapegrad/nn',
    '@tapegrad/shaders',
    '@tapegrad/tensor',
    '@tapegrad/vae',
  ];
  for (const [what, args, packages] of [
    ['--version', ['--version'], ['@tapegrad/vae', 'commander']],
    ['--help', ['--help'], ['@tapegrad/vae', 'commander']],
    ['the help of a command on runs', ['sample', '--help'], ['@tapegrad/vae', 'commander']],
    ['the help of a training', ['train', '--help'], [...own, 'commander']],
    ["the help of a model's training", ['train', 'vae', '--help'], [...own, 'commander']],
    ['completion', ['completion', 'bash'], [...own, 'commander']],
    ['a typing error', ['trian'], ['@tapegrad/vae', 'commander']],
  ] as const) {
    test(`${what} loads no more than it needs: no driver, no image library`, async () => {
      const log = join(app, 'loaded.txt');
      writeFileSync(log, '');
      const bin = join(app, 'node_modules/tapegrad/bin/tapegrad.js');
      const { stdout, stderr } = await run(process.execPath, ['--import', recorder(app, log), bin, ...args], {
        cwd: app,
      });
      assert.ok(stdout || stderr);
      const loaded = read(log).trim().split('\n');
      const names = loaded.flatMap((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []);
      assert.equal([...new Set(names)].sort(), [...packages, 'tapegrad'].sort());
      assert.ok(!loaded.some((file) => file.endsWith('.node')), 'native code');
      const models = loaded.filter((file) => file.includes('@tapegrad/vae/'));
      if (!packages.includes('@tapegrad/nn' as never)) assert.is(models.length, 1, models.join(' '));
    });
  }

  test('the command trains, draws and reports', async () => {
    const command = (...args: string[]) =>
      succeed(process.execPath, [join(app, 'node_modules/tapegrad/bin/tapegrad.js'), ...args], { cwd: app });
    const options = '--epochs 1 --limit 200 --batch-size 50 --hidden 16 --latent 2 --out run'.split(' ');
    await command('train', 'vae-mlp', ...options);
    const files = filesIn(join(app, 'run'));
    for (const file of ['config.json', 'weights.safetensors', 'images/samples.png', 'images/curves.png']) {
      assert.ok(files.includes(file), file);
    }
    const report = read(app, 'run/report.html');
    assert.match(report, 'uPlot');
    assert.match(report, '--class-0');
    const { stdout } = await command('export', 'run', '--format', 'onnx');
    assert.ok(existsSync(join(app, 'run/export/decoder.onnx')), stdout);
  });
}
