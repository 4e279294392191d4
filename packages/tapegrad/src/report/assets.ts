import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as shaders from '@tapegrad/shaders';
import { build } from 'esbuild';

/*
 * In the checkout, the scripts are bundled when a page is made; the build replaces this module by one that holds them as
 * strings.
 */

const here = dirname(fileURLToPath(import.meta.url));

/** What a page contains: the client's TypeScript and uPlot in one script, their styles, and uPlot's licence. */
export async function pageAssets(): Promise<{
  readonly script: string;
  readonly styles: string;
  readonly licence: string;
}> {
  const require = createRequire(import.meta.url);
  const uPlot = (name: string) => readFileSync(join(dirname(require.resolve('uplot')), name), 'utf8');
  return {
    script: await bundled('client/main.ts'),
    styles: `${uPlot('uPlot.min.css')}\n${readFileSync(join(here, 'page.css'), 'utf8')}`,
    licence: uPlot('../LICENSE').trim(),
  };
}

/** The script of the part that computes: the models and the kernels. */
export const livingScript = (): Promise<string> => bundled('client/living/main.ts');

async function bundled(entry: string): Promise<string> {
  const inlined = Object.entries(shaders)
    .map(([name, file]) => `export const ${name} = ${JSON.stringify(file)};`)
    .join('\n');
  const { outputFiles } = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    write: false,
    format: 'iife',
    minify: true,
    target: 'es2022',
    logLevel: 'silent',
    // The package reads files, which a page cannot.
    alias: { '@tapegrad/shaders': `data:text/javascript,${encodeURIComponent(inlined)}` },
  });
  return outputFiles[0]!.text;
}
