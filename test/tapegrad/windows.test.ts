/* Runs without an adapter. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as shaders from '@tapegrad/shaders';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { renameOver } from '../../packages/node/src/rename.ts';
import { onSignal } from '../../packages/tapegrad/src/cli/signals.ts';
import { expandTemplate } from '../../packages/tensor/src/webgpu/template.ts';
import { readShader } from '../../shaders/read.ts';
import { temporaryFolder } from '../helpers/runs.ts';

/* What differs on Windows, as far as it can be tried elsewhere. */

test('line ends: shaders are the same from a checkout with CRLF', () => {
  const here = new URL('../../shaders/', import.meta.url);
  const folder = temporaryFolder();
  for (const file of readdirSync(here).filter((name) => name.endsWith('.wgsl'))) {
    const text = readFileSync(new URL(file, here), 'utf8').replaceAll(/\r\n?/g, '\n');
    writeFileSync(join(folder, file), `\ufeff${text.replaceAll('\n', '\r\n')}`);
  }
  assert.ok(Object.values(shaders).some(({ wgsl }) => wgsl.includes('//%')));
  for (const file of Object.values(shaders))
    assert.equal(readShader(file.name, pathToFileURL(`${folder}/`)), file);
});

for (const [name, end] of [
  ['CRLF', '\r\n'],
  ['CR', '\r'],
]) {
  test(`line ends: a template with ${name}`, () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is the template's own syntax
    const lines = ['//% if A', 'x', '//% else', '//% for i in 0..2', 'y${i}', '//% end', '//% end', 'z'];
    assert.is(expandTemplate(lines.join(end), { A: false }), 'y0\ny1\nz');
    assert.throws(() => expandTemplate(lines.join(end), {}), /line 1: unknown name 'A': \/\/% if A$/);
  });
}

const failing = (code: string, times: number) => {
  const calls: string[] = [];
  const rename = (from: string, to: string) => {
    calls.push(`${from} ${to}`);
    if (calls.length <= times) throw Object.assign(new Error(code), { code });
  };
  return { calls, rename };
};

test('renaming over a file that another process has open: tried again on Windows', () => {
  const busy = failing('EPERM', 3);
  renameOver('new', 'old', { ...busy, platform: 'win32' });
  assert.equal(busy.calls, new Array(4).fill('new old'));
});

test('renaming: what does not pass is an error at once, on POSIX everything', () => {
  for (const [code, platform] of [
    ['ENOSPC', 'win32'],
    ['EPERM', 'linux'],
  ] as const) {
    const never = failing(code, Number.POSITIVE_INFINITY);
    assert.throws(() => renameOver('new', 'old', { ...never, platform }), new RegExp(code));
    assert.is(never.calls.length, 1);
  }
});

test('signals: come as messages too', () => {
  const known = ['SIGINT', 'SIGTERM', 'SIGBREAK', 'message'] as const;
  const before = known.map((name) => process.listeners(name as 'message'));
  const seen: string[] = [];
  onSignal((signal) => seen.push(signal));
  for (const message of ['SIGTERM', 'SIGKILL', { signal: 'SIGINT' }, 'SIGINT'])
    process.emit('message', message, undefined);
  for (const [i, name] of known.entries())
    for (const listener of process.listeners(name as 'message'))
      if (!before[i]!.includes(listener)) process.off(name, listener);
  assert.equal(seen, ['SIGTERM', 'SIGINT']);
});

test.run();
