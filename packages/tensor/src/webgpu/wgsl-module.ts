import type { KernelText } from './kernel-text.ts';
import { evaluate } from './template.ts';

/*
 * A kernel's WGSL as a list of what it declares: as much of the language's grammar as it takes to put several kernels into
 * one module. What is not understood is said by `undefined`, and the kernel stays by itself.
 */

export interface Declaration {
  readonly kind: 'alias' | 'const' | 'struct' | 'fn' | 'var';
  readonly name: string;
  readonly text: string;
}

/** A storage buffer: its number among the kernel's bindings, without the uniforms, and what it holds. */
export interface Buffer {
  readonly name: string;
  readonly slot: number;
  readonly type: string;
}

/** Memory of a workgroup: an array of so many elements. */
export interface Shared {
  readonly name: string;
  readonly type: string;
  readonly length: number;
  readonly bytes: number;
}

export interface Entry {
  readonly name: string;
  /** Threads of a workgroup. */
  readonly size: number;
  /** What it is given: the builtin values' names, in the order of the parameters. */
  readonly builtins: readonly string[];
  /** The function, without what makes it an entry point. */
  readonly text: string;
}

export interface WgslModule {
  /** Directives. */
  readonly enables: readonly string[];
  readonly entry: Entry;
  readonly buffers: readonly Buffer[];
  readonly shared: readonly Shared[];
  /** What its aliases stand for. */
  readonly aliases: ReadonlyMap<string, string>;
  /** All others that the entry point refers to, directly or not; each after those that it refers to itself. */
  readonly others: readonly Declaration[];
  /** Whether its threads meet: at barriers, in shared memory, or as the lanes of a subgroup. */
  readonly meets: boolean;
}

const IDENTIFIER = /(?<![.\w])[A-Za-z_]\w*/g;

/** Every identifier that is no member of something, as `rename` has it. */
export const renamed = (text: string, rename: (name: string) => string) => text.replace(IDENTIFIER, rename);

/** What a kernel declares; undefined if that is more than is understood here. */
export function wgslModule({ enables, head, body }: KernelText, entryName: string): WgslModule | undefined {
  const declarations = declarationsOf(`${head}\n${body}`);
  if (!declarations) return undefined;
  const byName = new Map(declarations.map((one) => [one.name, one]));
  const main = byName.get(entryName);
  const entry = main && entryOf(main, numbersOf(declarations));
  if (!entry) return undefined;
  const reached = reachable(entry, byName);
  const meets = reached.some(({ text: part }) => MEETING.test(part)) || MEETING.test(entry.text);
  const buffers: Buffer[] = [];
  const shared: Shared[] = [];
  const aliases = new Map<string, string>();
  const others: Declaration[] = [];
  const typeOf = (type: string) => resolvedType(type, byName);
  for (const one of reached) {
    if (one.kind !== 'var') {
      if (one.kind === 'alias') aliases.set(one.name, typeOf(one.name));
      else others.push(one);
      continue;
    }
    const bound = /^@group\(0\) @binding\((\d+)\) var<storage, (?:read|read_write)> \w+: (.+);$/.exec(
      one.text,
    );
    const local = /^var<workgroup> \w+: (.+);$/.exec(one.text);
    if (bound) {
      buffers.push({ name: one.name, slot: Number(bound[1]) - 1, type: typeOf(bound[2]!) });
    } else if (local) {
      const memory = sharedOf(one.name, typeOf(local[1]!), numbersOf(declarations));
      if (!memory) return undefined;
      shared.push(memory);
    } else if (one.text.startsWith('var<private>')) others.push(one);
    else return undefined;
  }
  return { enables, entry, buffers, shared, aliases, others, meets };
}

const MEETING =
  /\b(workgroupBarrier|storageBarrier|workgroupUniformLoad|subgroup\w*|quad\w+)\b|var<workgroup>/;

/** The declarations of a module, comments left out. */
function declarationsOf(text: string): Declaration[] | undefined {
  const plain = text.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');
  const found: Declaration[] = [];
  let [start, depth] = [0, 0];
  for (let i = 0; i < plain.length; i++) {
    const c = plain[i]!;
    if (c === '{') depth++;
    else if (c === '}') depth--;
    const ends = depth === 0 && (c === '}' || c === ';');
    if (!ends) continue;
    const part = plain.slice(start, i + 1).trim();
    start = i + 1;
    // A struct may be followed by a semicolon of its own.
    if (part === ';') continue;
    const [, kind, name] = /(?:^|[\s)])(alias|const|struct|fn|var)(?:<[^>]*>)?\s+(\w+)/.exec(part) ?? [];
    if (!kind || !name) return undefined;
    found.push({ kind: kind as Declaration['kind'], name, text: part.replace(/\s*\n\s*/g, '\n') });
  }
  return found;
}

/** What a text refers to, directly or not; each after those that it refers to itself. */
function reachable(entry: Entry, byName: ReadonlyMap<string, Declaration>): Declaration[] {
  const found = new Set<Declaration>();
  const visit = (part: string, own: string) => {
    for (const [name] of part.matchAll(IDENTIFIER)) {
      const one = byName.get(name);
      if (!one || name === own || found.has(one)) continue;
      visit(one.text, name);
      found.add(one);
    }
  };
  visit(entry.text, entry.name);
  return [...found];
}

/** The constants that are numbers. */
function numbersOf(declarations: readonly Declaration[]): Record<string, number> {
  const known: Record<string, number> = {};
  for (const { kind, name, text } of declarations) {
    const value = kind === 'const' && numberOf(/=\s*([^=;]+);$/.exec(text)?.[1] ?? '', known);
    if (typeof value === 'number') known[name] = value;
  }
  return known;
}

function numberOf(expression: string, known: Readonly<Record<string, number>>): number | undefined {
  try {
    const value = evaluate(expression.replace(/\b(\d+)[ui]\b/g, '$1'), known);
    return typeof value === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}

function entryOf({ name, text }: Declaration, known: Readonly<Record<string, number>>): Entry | undefined {
  const parts = /^@compute\s+@workgroup_size\(([^),]+)\)\s*fn \w+\(([^{]*)\)\s*(\{[\s\S]*)$/.exec(text);
  const size = parts && numberOf(parts[1]!, known);
  if (!parts || !size) return undefined;
  const parameters = parts[2]!
    .split(/,(?![^(]*\))/)
    .map((parameter) => parameter.trim())
    .filter(Boolean);
  const builtins: string[] = [];
  for (const parameter of parameters) {
    const builtin = /^@builtin\((\w+)\)\s*\w+\s*:\s*\w+$/.exec(parameter)?.[1];
    if (!builtin) return undefined;
    builtins.push(builtin);
  }
  const plain = parameters.map((parameter) => parameter.replace(/^@builtin\(\w+\)\s*/, ''));
  let body = parts[3]!;
  const at = builtins.indexOf(THREAD);
  if (at >= 0) {
    // Of a builtin value a compiler knows how large it can be, and leaves out checks; of a function's parameter it does not.
    const thread = /^\w+/.exec(plain[at]!)![0];
    plain[at] = `${thread}_given: u32`;
    body = body.replace('{', `{\nlet ${thread} = min(${thread}_given, ${size - 1}u);`);
  }
  return { name, size, builtins, text: `fn ${name}(${plain.join(', ')}) ${body}` };
}

const THREAD = 'local_invocation_index';

/** A type with its aliases resolved, in one spelling. */
function resolvedType(type: string, byName: ReadonlyMap<string, Declaration>): string {
  const plain = renamed(type, (name) => {
    const one = byName.get(name);
    return one?.kind === 'alias' ? resolvedType(/=\s*(.+);$/.exec(one.text)![1]!, byName) : name;
  });
  return plain.replace(/\bvec([234])<(f|i|u)(?:32)>/g, 'vec$1$2').replace(/\bvec([234])<f16>/g, 'vec$1h');
}

const BYTES: Readonly<Record<string, number>> = { f32: 4, i32: 4, u32: 4, f16: 2 };

function sharedOf(name: string, type: string, known: Readonly<Record<string, number>>): Shared | undefined {
  const [, element, extent] = /^array<(\w+), (.+)>$/.exec(type) ?? [];
  const length = element && extent ? numberOf(extent, known) : undefined;
  if (!element || length === undefined) return undefined;
  const [, width, suffix] = /^vec([234])([fiuh])$/.exec(element) ?? [];
  const bytes = width ? (width === '2' ? 2 : 4) * (suffix === 'h' ? 2 : 4) : BYTES[element];
  return bytes === undefined ? undefined : { name, type: element, length, bytes: bytes * length };
}
