/*
 * WGSL as a compiler has it that assumes that no float is NaN or infinite, which the language allows: comparisons turned
 * round, maxima and minima by comparisons, and bits of a float taken for those of a finite number. What comes from memory, or
 * goes through an exclusive-or with a number from there, is beyond what a compiler can know.
 */

export interface FiniteMath {
  /** Which comparisons are turned into the negation of their opposite: which leaves integers as they are. */
  readonly negated: (index: number) => boolean;
  /** Which operand a maximum is if one of them is NaN. */
  readonly extremes: 'first' | 'second';
}

const OPPOSITES: Readonly<Record<string, string>> = {
  '<': '>=',
  '<=': '>',
  '>': '<=',
  '>=': '<',
  '==': '!=',
  '!=': '==',
};

const BITS = /bitcast<u32>\((?:[^()]|\([^()]*\))*\)(?! \^)/g;

/** A float of which only the bits are looked at is some number if it is not finite. */
const anyBits = (bits: string) => `select(${bits}, 0x3f800000u, (${bits} & 0x7fffffffu) >= 0x7f800000u)`;

/** WGSL as the kernels are written: operators between spaces. */
export function withFiniteMath(code: string, how: FiniteMath): string {
  const plain = code.replaceAll(/\/\/.*$/gm, '');
  const replaced = replaceCalls(plain, {
    clamp: ([x, low, high]) => extreme('<', extreme('>', x!, low!, how), high!, how),
    max: ([a, b]) => extreme('>', a!, b!, how),
    min: ([a, b]) => extreme('<', a!, b!, how),
  });
  // What an op was given, one may look at the bits of.
  const parts = replaced.split(/(^fn given_bits\([^{]*\{[^}]*\})/m);
  const bits = parts.map((part) => (part.startsWith('fn given_bits(') ? part : part.replace(BITS, anyBits)));
  return negateComparisons(bits.join(''), how.negated);
}

function extreme(operator: '<' | '>', a: string, b: string, { extremes }: FiniteMath): string {
  // A comparison with NaN is false, and the second taken.
  return extremes === 'second'
    ? `select(${b}, ${a}, (${a}) ${operator} (${b}))`
    : `select(${a}, ${b}, (${b}) ${operator} (${a}))`;
}

/** Calls of some functions, innermost first. */
function replaceCalls(code: string, by: Readonly<Record<string, (args: string[]) => string>>): string {
  const call = new RegExp(`(?<![\\w.])(${Object.keys(by).join('|')})\\(`, 'g');
  let text = code;
  for (;;) {
    const last = [...text.matchAll(call)].at(-1);
    if (!last) return text;
    const start = last.index + last[0].length;
    const end = closing(text, start);
    const replacement = by[last[1]!]!(split(text.slice(start, end)));
    text = `${text.slice(0, last.index)}${replacement}${text.slice(end + 1)}`;
  }
}

/** The place of the bracket that closes what is open at `from`. */
function closing(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    if ('([{'.includes(text[at]!)) depth++;
    if (')]}'.includes(text[at]!) && depth-- === 0) return at;
  }
  throw new Error(`finite math: nothing closes ${text.slice(from, from + 40)}`);
}

/** Arguments, at the commas that are in no brackets. */
function split(args: string): string[] {
  const parts: string[] = [];
  let [depth, from] = [0, 0];
  for (let at = 0; at < args.length; at++) {
    if ('([{'.includes(args[at]!)) depth++;
    if (')]}'.includes(args[at]!)) depth--;
    if (args[at] === ',' && depth === 0) {
      parts.push(args.slice(from, at).trim());
      from = at + 1;
    }
  }
  return [...parts, args.slice(from).trim()];
}

/** a < b as !(a >= b), for those comparisons that are chosen by their number. */
function negateComparisons(code: string, chosen: (index: number) => boolean): string {
  let out = code;
  let index = 0;
  for (let at = 0; ; index++) {
    const match = / (<|<=|>|>=|==|!=) /g;
    match.lastIndex = at;
    const found = match.exec(out);
    if (!found) return out;
    at = found.index + found[0].length;
    if (!chosen(index)) continue;
    const from = operandStart(out, found.index);
    const to = operandEnd(out, at);
    const negated = `!(${out.slice(from, found.index)} ${OPPOSITES[found[1]!]} ${out.slice(at, to)})`;
    out = `${out.slice(0, from)}${negated}${out.slice(to)}`;
    // What the right operand has in it comes next.
    at += 2 + OPPOSITES[found[1]!]!.length - found[1]!.length;
  }
}

/** What binds looser than a comparison, or cannot be part of its operands. */
const BEFORE = /(&&|\|\||[,;{}]|(?<![<>=!+\-*/%&|^])=(?!=)|\breturn\b|\bif\b|\bwhile\b)\s*$/;

function operandStart(text: string, end: number): number {
  let depth = 0;
  for (let at = end; at > 0; at--) {
    const c = text[at - 1]!;
    if (')]'.includes(c)) depth++;
    if ('(['.includes(c) && depth-- === 0) return at;
    if (depth === 0 && BEFORE.test(text.slice(Math.max(0, at - 8), at))) {
      return at + /^\s*/.exec(text.slice(at, end))![0].length;
    }
  }
  return 0;
}

function operandEnd(text: string, start: number): number {
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at]!;
    if ('(['.includes(c)) depth++;
    if (')]'.includes(c) && depth-- === 0) return at;
    if (depth === 0 && (',;{'.includes(c) || /^\s*(&&|\|\|)/.test(text.slice(at, at + 4)))) {
      return c === '{' ? text.slice(0, at).trimEnd().length : at;
    }
  }
  return text.length;
}
