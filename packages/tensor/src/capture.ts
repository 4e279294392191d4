import { deviceOf } from './apply.ts';
import { assertCount, assertFunction } from './arguments.ts';
import { announce, assertDevice, defaultDevice } from './context.ts';
import type { Device } from './contracts.ts';
import { defaultGenerator } from './generator.ts';
import { checkOptions } from './options.ts';
import { scope } from './scope.ts';
import { show } from './shape.ts';
import { Tensor } from './tensor.ts';
import { foldTree, mapTensors } from './tree.ts';
import type { CompileProgress } from './webgpu/backend.ts';
import { backendOf, WebGPUDevice } from './webgpu/device.ts';
import { Program } from './webgpu/program.ts';
import { replay } from './webgpu/program-recording.ts';

/** Where a captured function runs, and how often it may be recorded. */
export interface CaptureOptions {
  /** Where the function computes, if not on the device of its tensor arguments or on the default device. */
  device?: Device;
  /** Programs that may be recorded before a new set of arguments is an error. Default 32. */
  limit?: number;
  /** Told by `prepare` how many of the kernels that have to be compiled are done: from 0 to all of them. */
  onCompile?: CompileProgress;
}

/** A function that is recorded at its first call and replayed afterwards. */
export interface CapturedFunction<A extends unknown[], R> {
  (...args: A): R;
  /** Records for these arguments and compiles all kernels in parallel; runs nothing. */
  prepare(...args: A): Promise<void>;
  /** What was recorded so far: one for each set of shapes and plain arguments. Empty on the reference device. */
  readonly programs: readonly Program<R>[];
  /** Gives back the memory of all programs, and with it the tensors that calls returned. */
  dispose(): void;
}

/**
 * Records what `fn` does on the device, once, and replays it at every later call: one submit, with no graph, no
 * allocation and no upload. `fn` runs in a scope and must be a function of the device's memory alone:
 *
 * - Arguments are tensors and plain JSON-like values, also nested. A new shape, type or plain value is recorded again, so
 *   numbers that change from call to call (a learning rate) have to be in tensors. Tensor arguments are copied in at
 *   every call; tensors that `fn` refers to from outside are used where they are, and may be updated in place.
 * - Numbers and tensors made inside from host values are constants. State (moments, generators) is made before.
 * - Nothing can be read back inside, and gradients are taken inside, since no graph sees what a replay does: one that
 *   watches an argument, or has noted how a result was made, gets an error. Call it in `noGrad` where none are wanted.
 * - The tensors returned are the same objects at every call and hold their values until the next one.
 *
 * A captured function called inside another becomes part of it. On the reference device `fn` just runs.
 */
export function capture<A extends unknown[], R>(
  fn: (...args: A) => R,
  options: CaptureOptions = {},
): CapturedFunction<A, R> {
  assertFunction('capture', fn);
  checkOptions('capture', options, ['device', 'limit', 'onCompile']);
  const { device: chosen, limit = 32, onCompile } = options;
  if (chosen !== undefined) assertDevice('capture', chosen);
  assertCount('capture', 'the limit', limit);
  if (onCompile !== undefined) assertFunction('capture, onCompile', onCompile);
  const programs = new Map<string, Program<R>>();
  const devices: Device[] = [];

  /** The program for these arguments and the tensors among them, or nothing if `fn` has to run as it is. */
  function find(args: A): { program: Program<R>; tensors: Tensor[] } | undefined {
    const { key, tensors } = describe(args);
    const device = deviceOf('capture', tensors) ?? chosen ?? defaultDevice();
    if (!(device instanceof WebGPUDevice) || backendOf(device).recording) return undefined;
    if (tensors.length > 0) {
      announce({ op: replay, inputs: tensors, attributes: null, output: tensors[0]! });
    }
    if (!devices.includes(device)) devices.push(device);
    const id = `${devices.indexOf(device)} ${key}`;
    let program = programs.get(id);
    if (!program) {
      if (programs.size >= limit) {
        throw new Error(
          `capture: ${limit} programs were recorded already, one for each set of shapes and plain arguments; now ${key}. ` +
            'Pass numbers that change in tensors, or raise the limit',
        );
      }
      // What `rand` draws from is state, which has to be made before.
      defaultGenerator(device);
      program = Program.record(device, tensors, (placeholders) => {
        let next = 0;
        return fn(...mapTensors(args, () => placeholders[next++]!));
      });
      programs.set(id, program);
    }
    return { program, tensors };
  }

  const call = (...args: A): R => {
    const found = find(args);
    return found ? found.program.run(found.tensors) : scope(() => fn(...args));
  };
  return Object.defineProperty(
    Object.assign(call, {
      async prepare(...args: A) {
        await find(args)?.program.compile(onCompile);
      },
      dispose() {
        for (const program of programs.values()) program.dispose();
        programs.clear();
      },
    }),
    'programs',
    { get: () => [...programs.values()] },
  ) as CapturedFunction<A, R>;
}

/** What distinguishes one set of arguments from another, and the tensors among them in order. */
function describe(args: readonly unknown[]): { key: string; tensors: Tensor[] } {
  const tensors: Tensor[] = [];
  const leaf = (value: unknown, path: string): string => {
    if (value instanceof Tensor) {
      tensors.push(value);
      return `${value.dtype}${show(value.shape)}`;
    }
    if (typeof value === 'string') return JSON.stringify(value);
    if (value === null || ['number', 'boolean', 'undefined'].includes(typeof value)) {
      return Object.is(value, -0) ? '-0' : String(value);
    }
    const kind = typeof value === 'object' ? value.constructor?.name : typeof value;
    throw new Error(
      `capture: ${path} is of type ${kind}; arguments are tensors, plain values, arrays and plain objects of them`,
    );
  };
  const list = (items: string[]) => `[${items.join()}]`;
  const record = (items: Record<string, string>) =>
    `{${Object.entries(items).map(([name, item]) => `${JSON.stringify(name)}:${item}`)}}`;
  const key = args.map((arg, i) => foldTree(arg, { leaf, list, record }, `argument ${i + 1}`)).join(', ');
  return { key: `(${key})`, tensors };
}
