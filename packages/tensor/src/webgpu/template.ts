type Value = number | boolean;
export type TemplateVariables = Readonly<Record<string, Value>>;

/** What is known where a line stands: names of the blocks around it are found through prototypes. */
type Names = Record<string, Value>;
type Expression = (known: TemplateVariables) => Value;
/** Appends what a line, or a block, makes. */
type Part = (known: Names, entry: string, out: string[]) => void;

/** Each source is read once: its loops would else be read again in every turn, which took half of the host's time to a first step. */
const read = new Map<string, Part>();

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
  let whole = read.get(source);
  if (!whole) {
    whole = parse(source);
    read.set(source, whole);
  }
  const out: string[] = [];
  whole(variables, entry, out);
  return out.join('\n');
}

function parse(source: string): Part {
  const lines = source.split(/\r\n?|\n/);
  let at = 0;

  /** @throws with the line, and what is wrong with it */
  const failing =
    (line: number) =>
    (why: string): never => {
      throw new Error(`template, line ${line + 1}: ${why}: ${lines[line]!.trim()}`);
    };

  /** An expression of the present line, whose faults are told where it is met. */
  const expression = (text: string): Expression => {
    const fail = failing(at);
    const telling =
      <A extends unknown[]>(run: (...args: A) => Value) =>
      (...args: A): Value => {
        try {
          return run(...args);
        } catch (error) {
          return fail((error as Error).message);
        }
      };
    try {
      return telling(compile(text));
    } catch (error) {
      return telling(() => {
        throw error;
      });
    }
  };

  const text = (line: string): Part => {
    // WGSL and expressions in turns.
    const pieces = line.split(/\$\{(.*?)\}/).map((piece, i) => (i % 2 === 0 ? piece : expression(piece)));
    if (pieces.length === 1) return (_, __, out) => out.push(line);
    return (known, _, out) =>
      out.push(pieces.map((piece) => (typeof piece === 'string' ? piece : String(piece(known)))).join(''));
  };

  /** Reads up to the `else` or `end` that closes a block, where it stops. */
  const block = (): Part => {
    const parts: Part[] = [];
    for (; at < lines.length; at++) {
      const directive = /^\s*\/\/% *(.*?) *$/.exec(lines[at]!)?.[1];
      if (directive === undefined) parts.push(text(lines[at]!));
      else if (directive === 'end' || directive === 'else') break;
      else parts.push(steering(directive));
    }
    return (around, entry, out) => {
      const known: Names = Object.create(around);
      for (const part of parts) part(known, entry, out);
    };
  };

  const steering = (directive: string): Part => {
    const [, name, meaning] = /^let (\w+) = (.+)$/.exec(directive) ?? [];
    if (name) {
      const value = expression(meaning!);
      return (known) => {
        known[name] = value(known);
      };
    }
    const fail = failing(at);
    const [, variable, first, last] = /^for (\w+) in (.+)\.\.(.+)$/.exec(directive) ?? [];
    const condition = /^if (.+)$/.exec(directive)?.[1];
    const entries = /^entry (.+)$/.exec(directive)?.[1]?.split(', ');
    if (variable) {
      const [from, to] = [expression(first!), expression(last!)];
      at++;
      const body = block();
      closed(fail);
      return (around, entry, out) => {
        const known: Names = Object.create(around);
        const end = Number(to(around));
        for (let i = Number(from(around)); i < end; i++) {
          known[variable] = i;
          body(known, entry, out);
        }
      };
    }
    if (!condition && !entries) return fail('neither for, let, if, entry, else nor end');
    const test = condition && expression(condition);
    at++;
    const then = block();
    let otherwise: Part | undefined;
    if (lines[at]?.includes('else')) {
      at++;
      otherwise = block();
    }
    closed(fail);
    return (known, entry, out) => {
      const holds = test ? test(known) : entries!.includes(entry);
      (holds ? then : otherwise)?.(known, entry, out);
    };
  };

  const closed = (fail: (why: string) => never): void => {
    if (!lines[at]?.trim().endsWith('end')) fail('has no end');
  };

  const whole = block();
  if (at < lines.length) throw new Error(`template, line ${at + 1}: closes nothing`);
  return whole;
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
export const evaluate = (text: string, known: TemplateVariables): Value => compile(text)(known);

/** @throws what is wrong with an expression; names that are unknown only when it is asked for its value */
function compile(text: string): Expression {
  const tokens = text.match(/\w+|\|\||&&|[=!<>]=|\S/g) ?? [];
  const binary = (level: number): Expression => {
    if (level === LEVELS.length) return unary();
    let whole = binary(level + 1);
    while (LEVELS[level]!.includes(tokens[0] ?? '')) {
      const operator = OPERATORS[tokens.shift()!]!;
      const [left, right] = [whole, binary(level + 1)];
      whole = (known) => operator(left(known) as number, right(known) as number);
    }
    return whole;
  };
  const unary = (): Expression => {
    const token = tokens.shift() ?? '';
    if (token === '!') {
      const negated = unary();
      return (known) => !negated(known);
    }
    if (token === '(') {
      const inner = binary(0);
      if (tokens.shift() !== ')') throw new Error("expected ')'");
      return inner;
    }
    if (/^\d+$/.test(token)) {
      const number = Number(token);
      return () => number;
    }
    return (known) => {
      const value = known[token];
      if (value === undefined) throw new Error(`unknown name '${token}'`);
      return value;
    };
  };
  const value = binary(0);
  if (tokens.length > 0) throw new Error(`unexpected '${tokens[0]}'`);
  return value;
}
