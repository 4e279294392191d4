import { readdirSync, readFileSync } from 'node:fs';

/**
 * Every WGSL file of this folder, by its name without the ending. Here, in the checkout, they are read from disk; the build
 * puts a module that holds them as strings in the place of this one, so that no bundler, page or worker has to find files.
 */
export function shaderSources(): Readonly<Record<string, string>> {
  const folder = new URL('./', import.meta.url);
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.wgsl'))
    .sort();
  return Object.fromEntries(
    names.map((name) => [name.slice(0, -'.wgsl'.length), readFileSync(new URL(name, folder), 'utf8')]),
  );
}
