import * as autograd from '@tapegrad/autograd';
import * as nn from '@tapegrad/nn';
import * as tensor from '@tapegrad/tensor';
import * as vae from '@tapegrad/vae';
import { inspected } from './inspected.ts';

/* Runs one program of the course. */

export type FromProgram =
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'end'; readonly error?: string };

const modules: Record<string, Record<string, unknown>> = {
  '@tapegrad/autograd': autograd,
  '@tapegrad/nn': nn,
  // In Node it finds an adapter; here the browser has one.
  '@tapegrad/node': { openDevice: () => tensor.openBrowserDevice() },
  '@tapegrad/tensor': tensor,
  '@tapegrad/vae': vae,
};

const scope = globalThis as unknown as { onmessage: unknown; postMessage(message: FromProgram): void };
const AsyncFunction = (async () => {}).constructor as new (
  ...names: string[]
) => (...values: unknown[]) => Promise<void>;

scope.onmessage = async ({ data }: MessageEvent<string>) => {
  const line = (...values: unknown[]) =>
    scope.postMessage({ kind: 'line', text: values.map((value) => inspected(value)).join(' ') });
  try {
    // The bundler leaves imports of packages in this form, one after the other.
    const code = data
      .replace(/^import \{([^}]*)\} from ["']([^"']+)["'];?$/gm, (_, names: string, from: string) => {
        if (!modules[from])
          throw new Error(`${from} is not to be had in a browser: run this program in Node`);
        return `const {${names.replace(/ as /g, ': ')}} = modules["${from}"];`;
      })
      .replace(/^export \{[^}]*\};?$/gm, '');
    const program = new AsyncFunction('modules', 'console', code);
    await program(modules, { log: line, error: line, warn: line, info: line });
    scope.postMessage({ kind: 'end' });
  } catch (error) {
    scope.postMessage({ kind: 'end', error: `${(error as Error).name}: ${(error as Error).message}` });
  }
};
