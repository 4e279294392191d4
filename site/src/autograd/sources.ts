import { readdirSync, readFileSync } from 'node:fs';
import { ops } from '@tapegrad/tensor';

/* The lines of the source that define an op and its derivative. In the built site this module is the data (`build/sources.ts`). */

export interface OpSources {
  /** The entry of the op table: what the op is, in float64. */
  readonly definition?: string;
  /** Its line on the rules page. */
  readonly rule?: string;
}

const packages = new URL('../../../packages/', import.meta.url);
const read = (path: string) => readFileSync(new URL(path, packages), 'utf8');

/** An entry of a table such as `  neg: …,`: its lines up to the next entry, without the comments above that. */
function entryOf(table: string, name: string): string | undefined {
  const lines = table.split('\n');
  const first = lines.findIndex((line) => line.startsWith(`  ${name}: `));
  if (first < 0) return undefined;
  let end = first + 1;
  while (end < lines.length && !/^ {2}(\w+:|\/\/|\/\*\*)|^}|^$/.test(lines[end]!)) end++;
  return lines
    .slice(first, end)
    .map((line) => line.slice(2))
    .join('\n');
}

/** What a constant of this name is declared as, such as `const neg = …;`: its lines. */
function declarationOf(source: string, name: string): string | undefined {
  const lines = source.split('\n');
  const first = lines.findIndex((line) => line.replace('export ', '').startsWith(`const ${name} = `));
  if (first < 0) return undefined;
  const length = lines.slice(first).findIndex((line) => /^\S.*;$/.test(line)) + 1;
  return lines
    .slice(first, first + length)
    .join('\n')
    .replace('export ', '');
}

/** The method `reference` of the op that has this name: its lines. */
function referenceOf(source: string, name: string): string | undefined {
  const at = source.indexOf(`name: '${name}'`);
  const start = at < 0 ? -1 : source.indexOf('\n  reference(', at);
  const end = start < 0 ? -1 : source.indexOf('\n  },', start);
  if (end < 0 || source.slice(at, start).includes('\n};')) return undefined;
  if (source.startsWith('\n  reference() {}', start)) return undefined;
  return source
    .slice(start + 1, end + 4)
    .split('\n')
    .map((line) => line.slice(2))
    .join('\n');
}

function allSources(): Record<string, OpSources> {
  const rules = read('autograd/src/rules.ts').split('export const rules')[1]!;
  const folder = 'tensor/src/ops/';
  const files = readdirSync(new URL(folder, packages)).map((file) => read(folder + file));
  return Object.fromEntries(
    Object.keys(ops).map((name) => {
      const definition = files
        .map((source) => declarationOf(source, name) ?? referenceOf(source, name))
        .find((found) => found !== undefined);
      const rule = entryOf(rules, name);
      return [name, { ...(definition && { definition }), ...(rule && { rule }) }];
    }),
  );
}

export const opSources: Readonly<Record<string, OpSources>> = allSources();
