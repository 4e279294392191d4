import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { inlineShaders } from '../../site/build/inline-shaders.ts';

/** Bundles a module for browsers, and writes it to `folder` with a page that loads it. */
export async function bundlePage(entry: string, folder: string): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'error',
    plugins: [inlineShaders()],
    build: {
      outDir: folder,
      target: 'esnext',
      minify: false,
      lib: { entry, formats: ['es'], fileName: 'main' },
    },
  });
  const page =
    '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>test</title><script type="module" src="main.js"></script></html>';
  writeFileSync(join(folder, 'index.html'), page);
}
