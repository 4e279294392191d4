/* Runs without an adapter. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { buildApi } from '../../site/build/api.ts';
import { temporaryFolder } from '../helpers/runs.ts';

/* The API reference, as `npm run site` puts it into the site. */

test('every package has its pages, and their links lead somewhere', async () => {
  const folder = temporaryFolder();
  // Also not of names, methods and accessors without a description.
  assert.is(await buildApi(folder), 0, 'TypeDoc warns of nothing');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.html'),
  );
  assert.ok(files.length > 300, `${files.length} pages`);
  const index = readFileSync(join(folder, 'index.html'), 'utf8');
  for (const name of ['tensor', 'autograd', 'nn', 'vae', 'interchange', 'plot', 'node'])
    assert.match(index, new RegExp(`@tapegrad/(<wbr/?>)?${name}`), name);
  const tensor = readFileSync(join(folder, 'interfaces/_tapegrad_tensor.Tensor.html'), 'utf8');
  assert.match(tensor, /matmul/);
  assert.not.match(tensor, /moveTo|releaseMemory|\bretain\b/, 'what a tensor keeps to itself is not there');
  assert.not(files.some((file) => /internalsOf|TensorInternals|viewOf/.test(file)));
  for (const file of files) {
    const page = readFileSync(join(folder, file), 'utf8');
    for (const [, link] of page.matchAll(/ (?:href|src)="([^"#?]+)[^"]*"/g)) {
      if (/^(https?:|data:)/.test(link!) || link === '../') continue;
      const target = join(folder, dirname(file), decodeURIComponent(link!));
      assert.ok(existsSync(target), `${file}: ${link}`);
    }
  }
});

test.run();
