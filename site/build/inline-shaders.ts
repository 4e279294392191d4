import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { shaderNames } from '@tapegrad/shaders';
import type { Plugin } from 'vite';

const PACKAGE = '@tapegrad/shaders';

/** Puts the WGSL into the bundle as strings, so that pages and workers need not find and fetch files. */
export function inlineShaders(): Plugin {
  return {
    name: 'inline-shaders',
    enforce: 'pre',
    resolveId: (id) => (id === PACKAGE ? `\0${PACKAGE}` : undefined),
    load(id) {
      if (id !== `\0${PACKAGE}`) return undefined;
      const folder = fileURLToPath(new URL('../../shaders/', import.meta.url));
      const sources = shaderNames.map((name) => [name, readFileSync(`${folder}${name}.wgsl`, 'utf8')]);
      return [
        `export const shaderNames = ${JSON.stringify(shaderNames)};`,
        `const sources = ${JSON.stringify(sources)};`,
        'export const loadShaders = async () => new Map(sources);',
      ].join('\n');
    },
  };
}
