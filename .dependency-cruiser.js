import { readdirSync, readFileSync } from 'node:fs';

/*
 * The layers and circles of imports, types included (`tsPreCompilationDeps`): `npm run layers`, a part of `npm run check`
 * and of `npm test`. Paths are those of files, however they were imported.
 */

/** What each package may import of the others: see docs/architecture.md. */
const below = {
  shaders: [],
  'packages/tensor': ['shaders'],
  'packages/autograd': ['packages/tensor'],
  'packages/nn': ['packages/autograd', 'packages/tensor'],
  'packages/vae': ['packages/nn', 'packages/autograd', 'packages/tensor'],
  'packages/interchange': ['packages/vae', 'packages/nn', 'packages/autograd', 'packages/tensor'],
  'packages/plot': [],
  'packages/node': ['packages/tensor'],
  'packages/tapegrad': [
    'packages/interchange',
    'packages/vae',
    'packages/nn',
    'packages/autograd',
    'packages/tensor',
    'packages/plot',
    'packages/node',
    'shaders',
  ],
};

/** What loads in a browser. */
const withoutNode = ['tensor', 'autograd', 'nn', 'vae', 'interchange', 'plot'];

/** Exports may differ by condition, and so be nested. */
const pathsIn = (value) => (typeof value === 'string' ? [value] : Object.values(value).flatMap(pathsIn));

/** Files that packages export to others, by their package.json. */
const exported = readdirSync(new URL('packages/', import.meta.url)).flatMap((name) => {
  const manifest = new URL(`packages/${name}/package.json`, import.meta.url);
  const { exports = {} } = JSON.parse(readFileSync(manifest, 'utf8'));
  return pathsIn(exports).map((file) => `^packages/${name}/${file.replace('./', '')}$`);
});

const any = (paths) => `^(${paths.join('|')})/`;

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    {
      name: 'no-circles',
      severity: 'error',
      comment: 'Files that import each other, if only types, cannot be read one after the other.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'ops-describe',
      severity: 'error',
      comment: 'An op knows neither its lowering nor the backend; a lowering knows no backend.',
      from: { path: '^packages/tensor/src/(ops|lowering)/' },
      to: { path: '^packages/tensor/src/webgpu/' },
    },
    {
      name: 'ops-describe',
      severity: 'error',
      from: { path: '^packages/tensor/src/ops/' },
      to: { path: '^packages/tensor/src/lowering/' },
    },
    {
      name: 'whole-tables',
      severity: 'error',
      comment:
        'Functions take ops from the module that enters them (lowering/): what takes one from a table brings all into a bundle.',
      from: { path: '^packages/tensor/src/', pathNot: '^packages/tensor/src/index\\.ts$' },
      to: { path: '^packages/tensor/src/(op|update)-table\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    ...Object.entries(below).map(([name, allowed]) => ({
      name: `layers: ${name}`,
      severity: 'error',
      comment: `Imports point only down: ${name} may import ${allowed.join(', ') || 'no other package'}.`,
      from: { path: any([name]) },
      to: {
        path: any(['shaders', 'packages', 'site', 'bench', 'test', 'tools', 'examples']),
        pathNot: any([name, ...allowed]),
      },
    })),
    {
      name: 'no-node',
      severity: 'error',
      comment: 'What loads in a browser uses nothing of Node.',
      from: {
        path: any(withoutNode.map((name) => `packages/${name}/src`)),
        // Its second door: PNG of charts, by a native library.
        pathNot: '^packages/plot/src/node/',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'front-doors',
      severity: 'error',
      comment: 'A package is entered by what its package.json exports.',
      from: { path: '^packages/([^/]+)/' },
      to: { path: '^packages/[^/]+/', pathNot: ['^packages/$1/', ...exported] },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'An import that leads nowhere is not looked at by the rules above.',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)(dist|node_modules)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'types', 'node'] },
  },
};
