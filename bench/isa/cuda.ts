/*
 * WGSL as CUDA C++, for NVIDIA's compiler: the two languages differ in how things are declared, hardly in what is computed, and
 * `wgsl.cuh` has the types and functions that WGSL has built in. What is made is compiled, and never runs.
 */

/** Numbers, names, operators; comments and spaces are left out. */
const TOKEN =
  /\/\/.*|\s+|(0[xX][\da-fA-F]+(?:\.[\da-fA-F]*)?(?:[pP][-+]?\d+[fh]?)?[iu]?|(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?[iufh]?|[A-Za-z_]\w*|->|<<=|>>=|&&|\|\||[-+*/%&|^<>=!]=|<<|>>|\+\+|--|[^\s\w])/g;

const CLOSING: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

/** What CUDA has for the values that a kernel is given. */
const BUILTINS: Readonly<Record<string, string>> = {
  workgroup_id: 'vec3u(blockIdx.x, blockIdx.y, blockIdx.z)',
  num_workgroups: 'vec3u(gridDim.x, gridDim.y, gridDim.z)',
  local_invocation_id: 'vec3u(threadIdx.x, threadIdx.y, threadIdx.z)',
  local_invocation_index: 'threadIdx.x',
  global_invocation_id: 'vec3u(blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y, blockIdx.z)',
  subgroup_invocation_id: 'threadIdx.x % 32u',
  subgroup_size: '32u',
};

interface Fn {
  readonly name: string;
  /** `BOTH T name(parameters)`, or a kernel's head. */
  readonly head: string;
  readonly body: readonly string[];
}

/**
 * A module's entry point and what it calls.
 * @param code WGSL as Dawn gets it
 * @param entry the name of the entry point
 * @param name of the kernel, and of the namespace that has all else
 * @throws an Error that names what has no translation
 */
export function toCuda(code: string, entry: string, name: string): string {
  const tokens = [...code.matchAll(TOKEN)].flatMap(([, token]) => (token === undefined ? [] : [token]));
  const globals: string[] = [];
  const functions = new Map<string, Fn>();
  for (const declaration of declarations(tokens)) {
    const attributes: string[] = [];
    let rest = declaration;
    while (rest[0] === '@') {
      const length = rest[2] === '(' ? balanced(rest, 2) : 1;
      attributes.push(rest.slice(1, length + 1).join(''));
      rest = rest.slice(length + 1);
    }
    const fn = rest[0] === 'fn' ? functionOf(rest, attributes, name) : undefined;
    if (fn) functions.set(fn.name, fn);
    else globals.push(globalOf(rest));
  }
  const reached = reachable(functions, entry);
  const lines = [
    ...globals,
    ...reached.filter((fn) => fn.name !== entry).map(({ head }) => `${head};`),
    ...reached.map(({ head, body }) => `${head} ${statements(body)}`),
  ];
  return `namespace wgsl::${name} {\n${lines.join('\n')}\n}\n`;
}

/** The token at which what opens at `at` closes. */
function balanced(tokens: readonly string[], at: number): number {
  const [open, close] = [tokens[at]!, CLOSING[tokens[at]!]!];
  let depth = 0;
  for (let i = at; i < tokens.length; i++) {
    if (tokens[i] === open) depth++;
    else if (tokens[i] === close && --depth === 0) return i;
  }
  throw new Error(`cuda: '${open}' is never closed`);
}

/** A module's declarations, each to its `;` or `}`. */
function declarations(tokens: readonly string[]): string[][] {
  const found: string[][] = [];
  for (let at = 0; at < tokens.length; ) {
    let end = at;
    while (end < tokens.length && tokens[end] !== ';' && tokens[end] !== '{')
      end = tokens[end]! in CLOSING ? balanced(tokens, end) + 1 : end + 1;
    if (tokens[end] === '{') end = balanced(tokens, end);
    found.push(tokens.slice(at, end + 1));
    at = end + 1;
  }
  return found;
}

/** Pieces between commas that stand in no brackets. */
function split(tokens: readonly string[]): string[][] {
  const pieces: string[][] = [[]];
  let depth = 0;
  for (const token of tokens) {
    if ('([{<'.includes(token)) depth++;
    if (')]}>'.includes(token)) depth--;
    if (token === '>>') depth -= 2;
    if (token === ',' && depth === 0) pieces.push([]);
    else pieces.at(-1)!.push(token);
  }
  return pieces.filter((piece) => piece.length > 0);
}

/** A `>>` closes two lists of a type's parameters. */
const typeOf = (tokens: readonly string[]) => tokens.join(' ').replaceAll('>>', '> >');

function globalOf(tokens: readonly string[]): string {
  const [what, second] = tokens;
  if (what === undefined || [';', 'enable', 'requires', 'diagnostic', 'const_assert'].includes(what))
    return '';
  if (what === 'alias') return `using ${tokens.slice(1).join(' ')}`;
  if (what === 'const') return statements(tokens);
  if (what === 'struct') {
    const members = split(tokens.slice(3, -1)).map((member) => {
      const colon = member.lastIndexOf(':');
      return `${typeOf(member.slice(colon + 1))} ${member[colon - 1]};`;
    });
    return `struct ${second} { ${members.join(' ')} };`;
  }
  const [space, colon] = [tokens.slice(2, tokens.indexOf('>')), tokens.indexOf(':')];
  const variable = tokens[colon - 1]!;
  const type = typeOf(tokens.slice(colon + 1, -1));
  if (what !== 'var' || colon < 0) throw new Error(`cuda: what is '${tokens.slice(0, 4).join(' ')}'?`);
  if (space[0] === 'uniform') return `__constant__ ${type} ${variable};`;
  if (space[0] === 'workgroup') return `__shared__ ${type} ${variable};`;
  if (space[0] !== 'storage') throw new Error(`cuda: variables in '${space.join('')}' are not translated`);
  const element = /^array < (.*) >$/.exec(type)?.[1] ?? type;
  const access = space.includes('read_write') ? '' : 'const ';
  return `__constant__ ${access}${element} *__restrict__ ${variable};`;
}

function functionOf(tokens: readonly string[], attributes: readonly string[], name: string): Fn {
  const close = balanced(tokens, 2);
  const open = tokens.indexOf('{', close);
  const parameters = split(tokens.slice(3, close)).map((parameter) => {
    const colon = parameter.lastIndexOf(':');
    const builtin = parameter[0] === '@' ? parameter[3] : undefined;
    return { type: parameter.slice(colon + 1).join(' '), name: parameter[colon - 1]!, builtin };
  });
  const body = tokens.slice(open);
  const size = attributes.find((attribute) => attribute.startsWith('workgroup_size'));
  if (size !== undefined) {
    const given = parameters.map(({ type, name, builtin }) => {
      const value = BUILTINS[builtin ?? ''];
      if (value === undefined) throw new Error(`cuda: the built-in value '${builtin}' is not translated`);
      return `const ${type} ${name} = ${value};`;
    });
    const head = `extern "C" __global__ __launch_bounds__${size.slice('workgroup_size'.length)} void ${name}()`;
    return { name: tokens[1]!, head, body: ['{', ...given, ...body.slice(1)] };
  }
  const result = tokens[close + 1] === '->' ? tokens.slice(close + 2, open).join(' ') : 'void';
  const list = parameters.map(({ type, name }) => `${type} ${name}`).join(', ');
  return { name: tokens[1]!, head: `BOTH ${result} ${tokens[1]}(${list})`, body };
}

/** What an entry point calls, before it, and itself. */
function reachable(functions: ReadonlyMap<string, Fn>, entry: string): Fn[] {
  const found = new Set<Fn>();
  const visit = (fn: Fn) => {
    if (found.has(fn)) return;
    found.add(fn);
    for (const token of fn.body) {
      const called = functions.get(token);
      if (called) visit(called);
    }
  };
  const first = functions.get(entry);
  if (!first) throw new Error(`cuda: there is no entry point '${entry}'`);
  visit(first);
  return [...found].reverse();
}

/** Tokens of statements, translated. */
function statements(tokens: readonly string[]): string {
  const out: string[] = [];
  let at = 0;
  while (at < tokens.length) {
    const token = tokens[at]!;
    if (token === 'let' || token === 'const' || token === 'var') at = declare(tokens, at, out);
    else if (token === 'if' || token === 'while') {
      const open = tokens.indexOf('{', at);
      out.push(token, '(', statements(tokens.slice(at + 1, open)), ')');
      at = open;
    } else if (token === 'loop') {
      out.push('for (;;)');
      at++;
    } else if (token === '_' && tokens[at + 1] === '=') {
      out.push('(void)');
      at += 2;
    } else if (token === '.' && /^[xyzw]{2,4}$/.test(tokens[at + 1]!)) {
      out.push('.', tokens[at + 1]!, '()');
      at += 2;
    } else if (token === '%' && /^\d+\.\d*/.test(tokens[at + 1]!)) {
      // C++ has no such operator for floats.
      out.splice(primary(out), 0, 'mod', '(');
      out.push(',', word(tokens[at + 1]!), ')');
      at += 2;
    } else if (token === ',' && tokens[at + 1] === ')') at++;
    else {
      out.push(word(token));
      at++;
    }
  }
  return out.join(' ').replaceAll(/[;{}] /g, '$&\n');
}

/** `let x = …`, `var x: T = …`; without a value, it is zero. Stops behind the `=`, or the `;`. */
function declare(tokens: readonly string[], at: number, out: string[]): number {
  const constant = { let: 'const ', const: 'constexpr ', var: '' }[tokens[at]!]!;
  let end = at + 2;
  while (tokens[end] !== '=' && tokens[end] !== ';') end++;
  const type = tokens[at + 2] === ':' ? tokens.slice(at + 3, end).join(' ') : 'auto';
  out.push(`${constant}${type} ${tokens[at + 1]}`, tokens[end] === '=' ? '=' : '{} ;');
  return end + 1;
}

/** Where the operand begins that ends the tokens: a name, members of one, a call, or what stands in parentheses. */
function primary(tokens: readonly string[]): number {
  let at = tokens.length - 1;
  if (tokens[at] === ')') {
    let depth = 1;
    while (depth > 0) {
      at--;
      depth += Number(tokens[at] === ')') - Number(tokens[at] === '(');
    }
    if (/^\w/.test(tokens[at - 1] ?? '')) at--;
  }
  while (tokens[at - 1] === '.') at -= 2;
  return at;
}

/** C++ takes 1.0 for a double, and knows neither 1f nor 1i. */
function word(token: string): string {
  if (!/^\.?\d/.test(token)) return token;
  const hexadecimal = /^0[xX]/.test(token);
  if (!(hexadecimal ? /[pP]/ : /[.eEfh]/).test(token)) return token.replace(/i$/, '');
  const digits = token.replace(/[fh]$/, '');
  return /[.eEpP]/.test(digits) ? `${digits}f` : `${digits}.0f`;
}
