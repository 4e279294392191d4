import { readdirSync, readFileSync } from 'node:fs';
import { type ShaderName, shaderNames } from './names.ts';

export type { ShaderName };

/**
 * Every WGSL file of this folder, by its name without the ending. Here, in the checkout, they are read from disk; the build
 * puts a module that holds them as strings in the place of this one, so that no bundler, page or worker has to find files.
 * Lines end in LF in what is returned, as the templates and the caches of pipelines want it: git may have written CRLF.
 * The folder is given as a URL.
 * @throws if a file is not among the names that the type checker knows
 */
export function shaderSources(
  { href }: { readonly href: string } = new URL('./', import.meta.url),
): Readonly<Record<ShaderName, string>> {
  for (const file of readdirSync(new URL(href))) {
    const [name, ending] = file.split('.');
    if (ending === 'wgsl' && !shaderNames.includes(name as ShaderName)) {
      throw new Error(`shaders/${file}: put its name into shaders/names.ts`);
    }
  }
  const read = (name: ShaderName) => unixLines(readFileSync(new URL(`${name}.wgsl`, href), 'utf8'));
  return Object.fromEntries(shaderNames.map((name) => [name, read(name)])) as Record<ShaderName, string>;
}

const unixLines = (text: string): string => text.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n');
