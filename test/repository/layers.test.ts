/* Runs without an adapter. */
/** That the check of layers and circles looks at types too, and at every kind of import. */

import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from '../helpers/runs.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Which rules files break, and where, when they are the whole repository. */
function violations(files: Readonly<Record<string, string>>): string[] {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
  const command = join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = join(root, '.dependency-cruiser.js');
  const args = [command, '--config', config, '--output-type', 'json', '.'];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  assert.is(stderr, '');
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: { from: string; to: string; rule: { name: string } }[] };
  };
  return summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} → ${to}`).sort();
}

test('layers: circles of types, imports upwards, Node and back doors are seen', () => {
  assert.equal(
    violations({
      'packages/vae/src/index.ts': `import type { B } from './b.ts'; export interface A { b: B }`,
      'packages/vae/src/b.ts': `export interface B { a: import('./index.ts').A }`,
      'packages/nn/src/index.ts': `export type { A } from '../../vae/src/index.ts';`,
      'packages/nn/src/read.ts': `import { readFileSync } from 'node:fs'; export const read = readFileSync;`,
      'packages/nn/src/inside.ts': 'export const inside = 1;',
      'packages/tensor/src/index.ts': `import './b.ts'; export const a = 1;`,
      'packages/tensor/src/b.ts': `export { a } from './index.ts';`,
      'packages/tensor/src/ops/a.ts': `export type { C } from '../lowering/c.ts';`,
      'packages/tensor/src/lowering/c.ts': `import type { D } from '../webgpu/d.ts'; export type C = D;`,
      'packages/tensor/src/op-table.ts': 'export const ops = {}; export type OpName = keyof typeof ops;',
      'packages/tensor/src/op-named.ts': `export type { OpName } from './op-table.ts';`,
      'packages/tensor/src/functions/e.ts': `import { ops } from '../op-table.ts'; export const e = ops;`,
      'packages/tensor/src/webgpu/d.ts': 'export type D = number;',
      'packages/plot/src/index.ts': `export const later = () => import('../../nn/src/index.ts');`,
      'packages/interchange/src/index.ts': `export { inside } from '../../nn/src/inside.ts';`,
      'packages/tapegrad/src/index.ts': `export * from './nowhere.ts'; export * from '../../nn/src/index.ts';`,
    }),
    [
      'front-doors: packages/interchange/src/index.ts → packages/nn/src/inside.ts',
      'layers: packages/nn: packages/nn/src/index.ts → packages/vae/src/index.ts',
      'layers: packages/plot: packages/plot/src/index.ts → packages/nn/src/index.ts',
      'no-circles: packages/tensor/src/b.ts → packages/tensor/src/index.ts',
      'no-circles: packages/vae/src/b.ts → packages/vae/src/index.ts',
      'no-node: packages/nn/src/read.ts → fs',
      'ops-describe: packages/tensor/src/lowering/c.ts → packages/tensor/src/webgpu/d.ts',
      'ops-describe: packages/tensor/src/ops/a.ts → packages/tensor/src/lowering/c.ts',
      'resolvable: packages/tapegrad/src/index.ts → ./nowhere.ts',
      'whole-tables: packages/tensor/src/functions/e.ts → packages/tensor/src/op-table.ts',
    ],
  );
});

test.run();
