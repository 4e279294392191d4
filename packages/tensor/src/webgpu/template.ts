type Value = number | boolean;
export type TemplateVariables = Readonly<Record<string, Value>>;

/**
 * Expands a shader that unrolls loops over registers: WGSL cannot, and compilers keep arrays with computed indices in
 * memory. Lines that begin with `//%` steer, all others are WGSL, in which `${expression}` stands for its value:
 *
 *     //% for r in 0..ROWS        //% let v = r / 4        //% if CHECKED && r % 4 == 0        //% else        //% end
 *     //% entry lines, columns    (what only these entry points need)
 *
 * Expressions know the launch's constants, the loops' variables, what `let` names until the block ends, whole numbers,
 * `( ) ! * / % + - < <= > >= == != && ||`.
 */
export function expandTemplate(source: string, variables: TemplateVariables, entry = 'main'): string {
  const lines = source.split(/\r\n?|\n/);
  const out: string[] = [];

  /** Expands from line `at` to the `else` or `end` that closes the block, and returns that line's index. */
  const block = (at: number, names: TemplateVariables, live: boolean): number => {
    let known = names;
    for (; at < lines.length; at++) {
      const directive = /^\s*\/\/% *(.*?) *$/.exec(lines[at]!)?.[1];
      const fail = (why: string): never => {
        throw new Error(`template, line ${at + 1}: ${why}: ${lines[at]!.trim()}`);
      };
      const value = (text: string): Value => {
        try {
          return evaluate(text, known);
        } catch (error) {
          return fail((error as Error).message);
        }
      };
      if (directive === undefined) {
        if (live) out.push(lines[at]!.replace(/\$\{(.*?)\}/g, (_, text: string) => String(value(text))));
        continue;
      }
      if (directive === 'end' || directive === 'else') return at;
      const [, name, meaning] = /^let (\w+) = (.+)$/.exec(directive) ?? [];
      if (name) {
        if (live) known = { ...known, [name]: value(meaning!) };
        continue;
      }
      const [, variable, first, last] = /^for (\w+) in (.+)\.\.(.+)$/.exec(directive) ?? [];
      const condition = /^if (.+)$/.exec(directive)?.[1];
      const entries = /^entry (.+)$/.exec(directive)?.[1]?.split(', ');
      let end: number;
      if (variable) {
        const [from, to] = live ? [Number(value(first!)), Number(value(last!))] : [0, 0];
        end = block(at + 1, known, false);
        for (let i = from; i < to; i++) block(at + 1, { ...known, [variable]: i }, live);
      } else if (condition || entries) {
        const holds = live && (entries ? entries.includes(entry) : Boolean(value(condition!)));
        end = block(at + 1, known, holds);
        if (lines[end]?.includes('else')) end = block(end + 1, known, live && !holds);
      } else return fail('neither for, let, if, entry, else nor end');
      if (!lines[end]?.trim().endsWith('end')) fail('has no end');
      at = end;
    }
    return at;
  };

  const stopped = block(0, variables, true);
  if (stopped < lines.length) throw new Error(`template, line ${stopped + 1}: closes nothing`);
  return out.join('\n');
}

/** Binary operators by rising precedence. */
const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!=', '<', '<=', '>', '>='],
  ['+', '-'],
  ['*', '/', '%'],
];

const OPERATORS: Record<string, (a: number, b: number) => Value> = {
  '||': (a, b) => Boolean(a || b),
  '&&': (a, b) => Boolean(a && b),
  '==': (a, b) => Number(a) === Number(b),
  '!=': (a, b) => Number(a) !== Number(b),
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
};

/** The value of an expression. @throws what is wrong with it */
export function evaluate(text: string, known: TemplateVariables): Value {
  const tokens = text.match(/\w+|\|\||&&|[=!<>]=|\S/g) ?? [];
  const binary = (level: number): Value => {
    if (level === LEVELS.length) return unary();
    let left = binary(level + 1);
    while (LEVELS[level]!.includes(tokens[0] ?? '')) {
      const operator = OPERATORS[tokens.shift()!]!;
      left = operator(left as number, binary(level + 1) as number);
    }
    return left;
  };
  const unary = (): Value => {
    const token = tokens.shift() ?? '';
    if (token === '!') return !unary();
    if (token === '(') {
      const inner = binary(0);
      if (tokens.shift() !== ')') throw new Error("expected ')'");
      return inner;
    }
    if (/^\d+$/.test(token)) return Number(token);
    const value = known[token];
    if (value === undefined) throw new Error(`unknown name '${token}'`);
    return value;
  };
  const value = binary(0);
  if (tokens.length > 0) throw new Error(`unexpected '${tokens[0]}'`);
  return value;
}
