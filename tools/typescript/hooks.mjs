import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file for each source, which ends with what it was translated from. */
const cache = fileURLToPath(new URL('../../node_modules/.typescript/', import.meta.url));
mkdirSync(cache, { recursive: true });

const OPTIONS = {
  // Imports stay as they are written, as in tsconfig.json: a module may be there for what it does.
  tsconfigRaw: { compilerOptions: { target: 'ES2023', verbatimModuleSyntax: true } },
  loader: 'ts',
  format: 'esm',
  target: 'node20',
  sourcemap: 'inline',
  sourcesContent: false,
};
const hashOf = (text) => createHash('sha1').update(text).digest('hex');

/** Node's hook: the JavaScript of a module. */
export async function load(url, context, next) {
  if (!/^file:.*\.ts$/.test(url)) return next(url, context);
  const path = fileURLToPath(url);
  const text = readFileSync(path, 'utf8');
  const file = join(cache, `${hashOf(path)}.mjs`);
  const mark = `\n//${hashOf(JSON.stringify(OPTIONS) + text)}\n`;
  return {
    format: 'module',
    source: kept(file, mark) ?? (await translate(path, text, file, mark)),
    shortCircuit: true,
  };
}

function kept(file, mark) {
  try {
    const code = readFileSync(file, 'utf8');
    return code.endsWith(mark) ? code : undefined;
  } catch {
    return undefined;
  }
}

async function translate(path, text, file, mark) {
  // Only where something has changed.
  const { transform } = await import('esbuild');
  const { code } = await transform(text, { ...OPTIONS, sourcefile: path });
  const whole = code + mark;
  const partial = `${file}.${process.pid}`;
  writeFileSync(partial, whole);
  renameSync(partial, file);
  return whole;
}
