import * as shaders from '@tapegrad/shaders';
import type { Plugin } from 'vite';

const PACKAGE = '@tapegrad/shaders';

/** Puts the WGSL into the bundle as strings: in the checkout the package reads files, which pages and workers have not. */
export function inlineShaders(): Plugin {
  return {
    name: 'inline-shaders',
    enforce: 'pre',
    resolveId: (id) => (id === PACKAGE ? `\0${PACKAGE}` : undefined),
    load(id) {
      if (id !== `\0${PACKAGE}`) return undefined;
      return Object.entries(shaders)
        .map(([name, file]) => `export const ${name} = ${JSON.stringify(file)};`)
        .join('\n');
    },
  };
}
