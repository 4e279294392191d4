import type { Device, OpCall } from './contracts.ts';
import { described } from './described.ts';

/*
 * What is in force at the moment: the default device, and a stack of interceptors. Recording a graph, scopes, tracing,
 * counting, naming where launches come from, forcing a variant of a kernel: each is an interceptor, which is on the stack
 * while a function runs. They nest in any order, and none replaces another. Nothing else is "current" in this package.
 */

/** What watches, or asks for something, while a function runs. Classes of interceptors are told apart by `innermost`. */
// biome-ignore lint/suspicious/noExplicitAny: interceptors hear of tensors, which are defined above this file
export interface Interceptor<T = any> {
  /** An op ran. Heard by every interceptor on the stack, the innermost first. */
  ran?(call: OpCall<T>): void;
  /** A tensor was made. Heard by the innermost interceptor that has this method alone. */
  made?(tensor: T): void;
  /** A tensor is not to be given back with those that were made. Heard by all. */
  forget?(tensor: T): void;
}

/** A class, whatever its constructor takes. */
// biome-ignore lint/suspicious/noExplicitAny: parameters of constructors differ
type Class<I> = abstract new (...args: any[]) => I;

const stack: Interceptor[] = [];

/**
 * Runs `fn`, which must not be async, with an interceptor on the stack; or with an object that hears nothing and is only
 * found by `innermost`.
 */
export function within<T>(interceptor: Interceptor | object, fn: () => T): T {
  stack.push(interceptor);
  try {
    return fn();
  } finally {
    stack.pop();
  }
}

/** Puts an interceptor under all others, for good. */
export function install(interceptor: Interceptor): void {
  stack.unshift(interceptor);
}

/** The innermost interceptor of a class, if there is one. */
export function innermost<I extends object>(kind: Class<I>): I | undefined {
  for (let i = stack.length - 1; i >= 0; i--) {
    const interceptor = stack[i]!;
    if (interceptor instanceof kind) return interceptor as I;
  }
  return undefined;
}

/** All interceptors of a class, the outermost first. */
export const every = <I extends object>(kind: Class<I>): I[] =>
  stack.filter((interceptor): interceptor is Interceptor & I => interceptor instanceof kind);

/** Tells the interceptors of an op that ran. */
export function announce(call: OpCall<unknown>): void {
  for (let i = stack.length - 1; i >= 0; i--) stack[i]!.ran?.(call);
}

/** Tells the interceptor that collects them of a tensor that was made; false if none does. */
export function announceTensor(tensor: object): boolean {
  for (let i = stack.length - 1; i >= 0; i--) {
    const interceptor = stack[i]!;
    if (interceptor.made) {
      interceptor.made(tensor);
      return true;
    }
  }
  return false;
}

/** Tells all who collect tensors that this one is not theirs. */
export function announceKept(tensor: object): void {
  for (const interceptor of stack) interceptor.forget?.(tensor);
}

let device: Device | undefined;

/** The device on which `tensor(…)` and its like create tensors when none is named. */
export function defaultDevice(): Device {
  if (!device) {
    throw new Error(
      'no default device: call setDefaultDevice first, with await openDevice() of @tapegrad/node, in a page with ' +
        'await openBrowserDevice(), or with referenceDevice',
    );
  }
  return device;
}

/** Names the default device, from here on. */
export function setDefaultDevice(chosen: Device): void {
  // Nothing is allowed, though not by the type: who runs several programs in one process begins each as the first one begins.
  if (chosen !== undefined) assertDevice('setDefaultDevice', chosen);
  device = chosen;
}

/** Checks that an argument is a device. @throws if it is not */
export function assertDevice(what: string, device: unknown): void {
  if (typeof (device as Device | undefined)?.allocate === 'function') return;
  throw new Error(
    `${what}: a device is what openDevice() or openBrowserDevice() resolve to, or referenceDevice, got ${described(device)}`,
  );
}
