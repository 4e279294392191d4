import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';

/**
 * What a page contains: the client's TypeScript and uPlot in one script, their styles, and uPlot's licence. In the
 * checkout they are put together when a page is made; the build replaces this module by one that holds them as
 * strings.
 */
export function pageAssets(): { readonly script: string; readonly styles: string; readonly licence: string } {
  const here = dirname(fileURLToPath(import.meta.url));
  const require = createRequire(import.meta.url);
  const uPlot = (name: string) => readFileSync(join(dirname(require.resolve('uplot')), name), 'utf8');
  const { outputFiles } = buildSync({
    entryPoints: [join(here, 'client/main.ts')],
    bundle: true,
    write: false,
    format: 'iife',
    minify: true,
    target: 'es2022',
    logLevel: 'silent',
  });
  return {
    script: outputFiles[0]!.text,
    styles: `${uPlot('uPlot.min.css')}\n${readFileSync(join(here, 'page.css'), 'utf8')}`,
    licence: uPlot('../LICENSE').trim(),
  };
}
