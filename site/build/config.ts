import { fileURLToPath } from 'node:url';
import type { InlineConfig } from 'vite';
import { asData } from './as-data.ts';
import { digits } from './digits.ts';
import { inlineShaders } from './inline-shaders.ts';

const here = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** The pages, each a folder with an `index.html`. */
export const pages = ['train', 'explore', 'autograd', 'benchmark', 'course'] as const;

export const dist = here('dist');

/** How Vite builds the pages: every address is relative, so that the site works in any folder of a web host. */
export function siteConfig(): InlineConfig {
  return {
    configFile: false,
    root: here('.'),
    base: './',
    publicDir: here('public'),
    plugins: [inlineShaders(), asData(), digits()],
    worker: { format: 'es', plugins: () => [inlineShaders(), asData()] },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: dist,
      emptyOutDir: true,
      target: 'es2023',
      chunkSizeWarningLimit: 800,
      rolldownOptions: {
        input: {
          home: here('index.html'),
          ...Object.fromEntries(pages.map((page) => [page, here(`${page}/index.html`)])),
        },
      },
    },
  };
}
