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

/** What stands in a module by itself, in C++; and what it has of WGSL. */
interface Translated {
  readonly name: string;
  readonly text: string;
}

interface Declaration extends Translated {
  readonly tokens: readonly string[];
}

/**
 * A module's entry point and what it uses.
 * @param code WGSL as Dawn gets it
 * @param entry the name of the entry point
 * @param name of the kernel, and of the namespace that has all else
 * @throws an Error that names what has no translation
 */
export function toCuda(code: string, entry: string, name: string): string {
  const tokens = [...code.matchAll(TOKEN)].flatMap(([, token]) => (token === undefined ? [] : [token]));
  const found = new Map<string, Declaration>();
  for (const declared of declarations(tokens)) {
    const attributes: string[] = [];
    let rest = declared;
    while (rest[0] === '@') {
      const length = rest[2] === '(' ? balanced(rest, 2) : 1;
      attributes.push(rest.slice(1, length + 1).join(''));
      rest = rest.slice(length + 1);
    }
    const translated = rest[0] === 'fn' ? functionOf(rest, attributes, name) : globalOf(rest);
    if (translated) found.set(translated.name, { ...translated, tokens: declared });
  }
  if (!found.has(entry)) throw new Error(`cuda: there is no entry point '${entry}'`);
  const lines = used(found, entry).map(({ text }) => text);
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

function globalOf(tokens: readonly string[]): Translated | undefined {
  const what = tokens[0] ?? ';';
  if ([';', 'enable', 'requires', 'diagnostic', 'const_assert'].includes(what)) return undefined;
  const named = (name: string, text: string) => ({ name, text });
  if (what === 'alias') return named(tokens[1]!, `using ${tokens.slice(1).join(' ')}`);
  if (what === 'const') return named(tokens[1]!, statements(tokens));
  if (what === 'struct') {
    const members = split(tokens.slice(3, -1)).map((member) => {
      const colon = member.lastIndexOf(':');
      return `${typeOf(member.slice(colon + 1))} ${member[colon - 1]};`;
    });
    return named(tokens[1]!, `struct ${tokens[1]} { ${members.join(' ')} };`);
  }
  const [space, colon] = [tokens.slice(2, tokens.indexOf('>')), tokens.indexOf(':')];
  if (what !== 'var' || colon < 0) throw new Error(`cuda: what is '${tokens.slice(0, 4).join(' ')}'?`);
  const variable = tokens[colon - 1]!;
  const type = typeOf(tokens.slice(colon + 1, -1));
  if (space[0] === 'uniform') return named(variable, `__constant__ ${type} ${variable};`);
  if (space[0] === 'workgroup') return named(variable, `__shared__ ${type} ${variable};`);
  if (space[0] !== 'storage') throw new Error(`cuda: variables in '${space.join('')}' are not translated`);
  const element = /^array < (.*) >$/.exec(type)?.[1] ?? type;
  const access = space.includes('read_write') ? '' : 'const ';
  return named(variable, `__constant__ ${access}${element} *__restrict__ ${variable};`);
}

function functionOf(tokens: readonly string[], attributes: readonly string[], name: string): Translated {
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
    const text = `${head} ${statements(['{', ...given, ...body.slice(1)])}`;
    return { name: tokens[1]!, text };
  }
  const result = tokens[close + 1] === '->' ? tokens.slice(close + 2, open).join(' ') : 'void';
  const list = parameters.map(({ type, name }) => `${type} ${name}`).join(', ');
  return { name: tokens[1]!, text: `BOTH ${result} ${tokens[1]}(${list}) ${statements(body)}` };
}

/** What an entry point uses, and itself: WGSL knows no order, in C++ what is used comes first. */
function used(declarations: ReadonlyMap<string, Declaration>, entry: string): Declaration[] {
  const seen = new Set<string>();
  const inOrder: Declaration[] = [];
  const visit = (name: string) => {
    const declaration = declarations.get(name);
    if (!declaration || seen.has(name)) return;
    seen.add(name);
    const { tokens } = declaration;
    tokens.forEach((token, at) => {
      // What stands before a colon is declared there; after a dot it is a member.
      if (tokens[at + 1] !== ':' && tokens[at - 1] !== '.') visit(token);
    });
    inOrder.push(declaration);
  };
  visit(entry);
  return inOrder;
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
      const indices = [...tokens[at + 1]!].map((component) => 'xyzw'.indexOf(component));
      out.push(`.pick<${indices.join(', ')}>()`);
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
