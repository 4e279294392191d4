import { createRequire } from 'node:module';

/** The versions of this package and of Node, as `config.json` has them. */
export function versions(): { readonly tapegrad: string; readonly node: string } {
  const { version } = createRequire(import.meta.url)('../package.json') as { version: string };
  return { tapegrad: version, node: process.versions.node };
}
