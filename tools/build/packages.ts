import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../../', import.meta.url));

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly [key: string]: unknown;
}

/** A package of this workspace that is published. */
export interface Package {
  /** From the root. */
  readonly folder: string;
  /** Of its sources, from the root. */
  readonly sources: string;
  readonly manifest: Manifest;
}

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8')) as Manifest;
}

/** Those that others build upon come first. */
export function packages(): Package[] {
  const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
  const all = [
    { folder: 'shaders', sources: 'shaders' },
    ...folders.map((folder) => ({ folder, sources: `${folder}/src` })),
  ].map((one) => ({ ...one, manifest: readManifest(one.folder) }));
  const needs = ({ manifest }: Package) => Object.keys((manifest.dependencies ?? {}) as object);
  const order: Package[] = [];
  const add = (one: Package) => {
    if (order.includes(one)) return;
    for (const name of needs(one)) {
      const below = all.find(({ manifest }) => manifest.name === name);
      if (below) add(below);
    }
    order.push(one);
  };
  all.forEach(add);
  return order;
}

/** Folders of a package that are published; a manifest's `files` in the checkout names those besides what all have. */
export const published = ({ files = [] }: Manifest): string[] => [
  'dist',
  'src',
  'bin',
  ...(files as string[]),
];

/**
 * The manifest that is published: entries point to what was built, and what all packages have in common is said. In the
 * checkout entries are TypeScript sources, so that nothing has to be built to run them.
 */
export function publishedManifest({ folder, sources, manifest }: Package): Record<string, unknown> {
  const { private: _, devDependencies: __, publishConfig, exports, sideEffects, ...rest } = manifest;
  const common = readManifest('.');
  const inside = `./${sources.slice(folder.length + 1)}`.replace(/\/?$/, '/');
  const built = (path: string, ending: string) =>
    path.startsWith(inside) && path.endsWith('.ts')
      ? `./dist/${path.slice(inside.length, -'.ts'.length)}${ending}`
      : path;
  const entry = (value: Json): Json => {
    if (typeof value === 'string') {
      return { types: built(value, '.d.ts'), default: built(value, '.js') };
    }
    return Object.fromEntries(Object.entries(value as object).map(([key, inner]) => [key, entry(inner)]));
  };
  return {
    ...rest,
    license: common.license,
    author: common.author,
    homepage: common.homepage,
    bugs: common.bugs,
    repository: { ...(common.repository as object), directory: folder },
    engines: common.engines,
    ...(publishConfig as object | undefined),
    sideEffects: Array.isArray(sideEffects) ? sideEffects.map((path) => built(path, '.js')) : sideEffects,
    exports: {
      ...(entry(exports as Json) as object),
      './package.json': './package.json',
    },
    files: published(manifest),
  };
}
