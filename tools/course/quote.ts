import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { root } from './page.ts';

/* Cuts declarations out of the source by name: `walk`, `Node.release`, `rules.softmax`; in WGSL, functions. */

/** A declaration of TypeScript's, without its comment; with those inside an object or a class by a dot. */
function cutTypeScript(source: string, name: string): string | undefined {
  const file = ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true);
  const find = (within: ts.Node, [first, ...rest]: readonly string[]): ts.Node | undefined => {
    let found: ts.Node | undefined;
    const visit = (node: ts.Node): void => {
      if (found) return;
      const named =
        (node as { name?: ts.Node }).name?.getText(file) === first && node.kind !== ts.SyntaxKind.Parameter;
      if (named) {
        // A variable is cut with its `const`.
        const statement = node.parent?.parent;
        const whole =
          ts.isVariableDeclaration(node) && statement && ts.isVariableStatement(statement) ? statement : node;
        found = rest.length > 0 ? find(node, rest) : whole;
      }
      if (!found) ts.forEachChild(node, visit);
    };
    ts.forEachChild(within, visit);
    return found;
  };
  const node = find(file, name.split('.'));
  if (!node) return undefined;
  const text = source.slice(node.getStart(file), node.end);
  const lineStart = source.lastIndexOf('\n', node.getStart(file)) + 1;
  const comma =
    ts.isPropertyAssignment(node) || ts.isMethodDeclaration(node) ? source[node.end] === ',' : false;
  return outdented(source.slice(lineStart, node.getStart(file)) + text + (comma ? ',' : ''));
}

/** A function of WGSL with its attributes, or a `struct`. */
function cutWgsl(source: string, name: string): string | undefined {
  const lines = source.split('\n');
  const first = lines.findIndex((line) => new RegExp(`^(fn|struct) ${name}\\b`).test(line));
  if (first < 0) return undefined;
  const last = lines.findIndex(
    (line, i) =>
      i >= first &&
      /^\}|\}$/.test(line) &&
      (i > first || /\{.*\}$/.test(line)) &&
      (i === first || line.startsWith('}')),
  );
  const from = lines[first - 1]?.startsWith('@') ? first - 1 : first;
  return lines.slice(from, last + 1).join('\n');
}

function outdented(text: string): string {
  const indent = /^ */.exec(text)![0];
  return text
    .split('\n')
    .map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line))
    .join('\n');
}

function cut(path: string, name: string): string | undefined {
  const source = readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n');
  return path.endsWith('.wgsl') ? cutWgsl(source, name) : cutTypeScript(source, name);
}

/** What `PATH#NAME` stands for. @throws if the file is not there, or nothing in it has the name, saying where there is one */
export function quote(reference: string): string {
  const [path, name] = halvesOf(reference);
  try {
    const text = cut(path, name);
    if (text !== undefined) return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const now = moved(reference);
  throw new Error(
    `${path} declares no '${name}'${now.length > 0 ? `: it may be ${now.join(' or ')} now` : ''}`,
  );
}

/** Where a quoted declaration may be now: in the same package, under the same name. */
export function moved(reference: string): string[] {
  const [path, name] = halvesOf(reference);
  const folder = path
    .split('/')
    .slice(0, path.startsWith('packages/') ? 3 : 1)
    .join('/');
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(ts|wgsl)$/.test(file))
    .map((file) => `${folder}/${file.replaceAll('\\', '/')}`)
    .filter((file) => cut(file, name) !== undefined)
    .map((file) => `${file}#${name}`);
}

/** `PATH#NAME` in two; a name may be private, and so begin with the same sign. */
function halvesOf(reference: string): [path: string, name: string] {
  const at = reference.indexOf('#');
  return [reference.slice(0, at), reference.slice(at + 1)];
}
