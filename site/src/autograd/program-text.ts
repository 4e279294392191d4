import * as autograd from '@tapegrad/autograd';
import * as nn from '@tapegrad/nn';
import * as tg from '@tapegrad/tensor';
import { internalsOf, Tensor } from '@tapegrad/tensor';

/* The reader's program as a function. */

/** How the program asks for a walk back: `loss.backward()` reaches what watches it. */
const walkBack = Symbol('backward');

/** Called in the place of `Tensor.backward` while a program runs. */
let onBackward: (root: Tensor, options?: autograd.BackwardOptions) => void = (root, options) =>
  root.backward(options);

Object.defineProperty(Tensor.prototype, walkBack, {
  value(this: Tensor, options?: autograd.BackwardOptions) {
    onBackward(this, options);
  },
});

export interface Ran {
  /** What `print` was given, in order. */
  readonly printed: readonly (readonly unknown[])[];
  /** The program's variables that hold tensors. */
  readonly variables: Readonly<Record<string, Tensor>>;
}

export type ProgramText = (back: typeof onBackward) => Ran;

/** Compiles a program; everything that the packages offer is in scope. */
export function compile(code: string): ProgramText {
  if (/\bawait\b/.test(code.replace(/\/\/.*$/gm, '')))
    throw new Error('await is not needed here: print(tensor) shows the values once they are there');
  // Imports are taken for granted, so that a program can be copied from a file as it is.
  const body = code
    .replace(/^\s*import\s[^;]*?from\s*['"][^'"]+['"];?/gm, (text) => text.replace(/[^\n]/g, ' '))
    .replace(/\.backward\s*\(/g, '[walkBack](');
  const names = [...body.matchAll(/^(?:const|let|var)\s+(\w+)\s*=/gm)].map((match) => match[1]!);
  const given: Record<string, unknown> = { ...tg, ...autograd, ...nn, tg, nn, walkBack };
  for (const name of names) delete given[name];
  const variables = names.map((name) => `${name}: typeof ${name} === 'undefined' ? undefined : ${name}`);
  const source = `'use strict';\n${body}\n;return { ${variables.join(', ')} };`;
  let fn: (...values: unknown[]) => Record<string, unknown>;
  try {
    fn = new Function('print', 'console', ...Object.keys(given), source) as typeof fn;
  } catch (error) {
    throw new Error(`${(error as Error).name}: ${(error as Error).message}`);
  }
  return (back) => {
    const printed: unknown[][] = [];
    const print = (...values: unknown[]) => {
      printed.push(values.map((value) => (value instanceof Tensor ? retained(value) : value)));
    };
    const before = onBackward;
    onBackward = back;
    try {
      const found = fn(print, { log: print }, ...Object.values(given));
      const variables = Object.entries(found).filter(
        (entry): entry is [string, Tensor] => entry[1] instanceof Tensor,
      );
      return { printed, variables: Object.fromEntries(variables) };
    } finally {
      onBackward = before;
    }
  };
}

/** Printed values are read when the program has ended. */
function retained(tensor: Tensor): Tensor {
  internalsOf(tensor).retain();
  return tensor;
}
