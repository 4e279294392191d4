import { readFileSync } from 'node:fs';

/** The WGSL of a file of this folder, or of another one's. */
export interface ShaderFile {
  /** The file's name without its ending, unique among shaders. */
  readonly name: string;
  /** Its text, with what it includes. Lines that begin with `//%` are the templates' own. */
  readonly wgsl: string;
}

/**
 * Reads a file. Lines end in LF, as the templates and the caches of pipelines want it: git may have written CRLF. A line
 * `//% include NAME` is replaced by that file. The folder is given as a URL.
 */
export function readShader(
  name: string,
  { href }: { readonly href: string } = new URL('./', import.meta.url),
): ShaderFile {
  const read = (file: string): string =>
    unixLines(readFileSync(new URL(`${file}.wgsl`, href), 'utf8')).replace(
      /^\/\/% include (\w+)$/gm,
      (_, included: string) => read(included),
    );
  return { name, wgsl: read(name) };
}

const unixLines = (text: string): string => text.replace(/^\ufeff/, '').replaceAll(/\r\n?/g, '\n');
