import { createRequire } from 'node:module';
import { constants } from 'node:os';

/*
 * Three functions of the C library, which Node, Bun and Deno each offer in their own way: loading a library that is not an
 * add-on, setting an environment variable where native code sees it, and making a file descriptor refer to another file.
 * Linux only.
 */

/** `dup`, `dup2` and `close` of POSIX; −1 where they fail. */
export interface Descriptors {
  close(descriptor: number): number;
  dup(descriptor: number): number;
  dup2(descriptor: number, target: number): number;
}

interface Native {
  /**
   * Loads a library, by a path or by a name that the dynamic linker searches for; for good if `stay`.
   * @throws the linker's message if it cannot be loaded
   */
  load(library: string, stay: boolean): void;
  setEnvironment(name: string, value: string | undefined): void;
  /** @throws where the C library cannot be called */
  descriptors(): Descriptors;
}

/** glibc: the `webgpu` package is built for nothing else. */
const LIBC = 'libc.so.6';

function setOwnEnvironment(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** Of the package `ffi-rs`, which need not be there. */
interface NodeFfi {
  readonly DataType: { readonly I32: number };
  open(library: { library: string; path: string }): void;
  load(call: {
    library: string;
    funcName: string;
    retType: number;
    paramsType: number[];
    paramsValue: number[];
  }): number;
}

const inNode: Native = {
  load(library, stay) {
    // glibc's and musl's RTLD_NODELETE, which `os.constants.dlopen` lacks.
    const keep = stay ? 0x1000 : 0;
    try {
      process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_NOW | keep);
    } catch (error) {
      // Node expects an add-on, and complains about any other library only after it has loaded it.
      if (!/did not self-register/.test((error as Error).message)) throw error;
    }
  },
  setEnvironment: setOwnEnvironment,
  descriptors() {
    const { DataType, load, open } = createRequire(import.meta.url)('ffi-rs') as NodeFfi;
    open({ library: LIBC, path: LIBC });
    const { I32 } = DataType;
    const call =
      (funcName: string) =>
      (...paramsValue: number[]): number =>
        load({ library: LIBC, funcName, retType: I32, paramsType: paramsValue.map(() => I32), paramsValue });
    return { close: call('close'), dup: call('dup'), dup2: call('dup2') };
  },
};

interface Deno {
  dlopen(
    path: string,
    symbols: Record<string, { parameters: string[]; result: string }>,
  ): { close(): void; symbols: Record<string, (...numbers: number[]) => number> };
}

function inDeno(deno: Deno): Native {
  const staying: unknown[] = []; // a library is closed when its handle is collected
  return {
    load(library, stay) {
      const handle = deno.dlopen(library, {});
      if (stay) staying.push(handle);
      else handle.close();
    },
    setEnvironment: setOwnEnvironment,
    descriptors() {
      const { symbols } = deno.dlopen(LIBC, {
        close: { parameters: ['i32'], result: 'i32' },
        dup: { parameters: ['i32'], result: 'i32' },
        dup2: { parameters: ['i32', 'i32'], result: 'i32' },
      });
      return symbols as unknown as Descriptors;
    },
  };
}

interface BunFfi {
  dlopen(
    path: string,
    symbols: Record<string, { args: string[]; returns: string }>,
  ): { symbols: Record<string, (...args: unknown[]) => unknown> };
  CString: new (pointer: unknown) => { toString(): string };
}

/** Bun's own dlopen closes a library that is not an add-on, and its `process.env` is a copy, so this asks the C library itself. */
function inBun(): Native {
  const { dlopen, CString } = createRequire(import.meta.url)('bun:ffi') as BunFfi;
  const { symbols: libc } = dlopen(LIBC, {
    dlopen: { args: ['ptr', 'int'], returns: 'ptr' },
    dlclose: { args: ['ptr'], returns: 'int' },
    dlerror: { args: [], returns: 'ptr' },
    setenv: { args: ['ptr', 'ptr', 'int'], returns: 'int' },
    unsetenv: { args: ['ptr'], returns: 'int' },
    close: { args: ['int'], returns: 'int' },
    dup: { args: ['int'], returns: 'int' },
    dup2: { args: ['int', 'int'], returns: 'int' },
  });
  const text = (value: string) => Buffer.from(`${value}\0`);
  return {
    load(library, stay) {
      const handle = libc.dlopen!(text(library), constants.dlopen.RTLD_NOW);
      if (!handle) throw new Error(new CString(libc.dlerror!()).toString());
      if (!stay) libc.dlclose!(handle);
    },
    setEnvironment(name, value) {
      setOwnEnvironment(name, value);
      if (value === undefined) libc.unsetenv!(text(name));
      else libc.setenv!(text(name), text(value), 1);
    },
    descriptors: () => libc as unknown as Descriptors,
  };
}

let found: Native | undefined;

/** This runtime's way. */
export function native(): Native {
  const deno = (globalThis as { Deno?: Deno }).Deno;
  found ??= deno ? inDeno(deno) : process.versions.bun ? inBun() : inNode;
  return found;
}
