import { assertFunction, assertTensor } from './arguments.ts';
import { announceKept, type Interceptor, innermost, within } from './context.ts';
import { internalsOf, type Tensor } from './tensor.ts';
import { tensorsIn } from './tree.ts';

/** Collects the tensors that are made while it is on the stack. */
class Scope implements Interceptor<Tensor> {
  readonly tensors = new Set<Tensor>();
  made(tensor: Tensor): void {
    this.tensors.add(tensor);
  }
  forget(tensor: Tensor): void {
    this.tensors.delete(tensor);
  }
}

/**
 * Runs `fn` and disposes every tensor made inside it, except those that it returns (directly, or in an array or plain
 * object) and those passed to `keep`. Returned tensors pass to the enclosing scope.
 * @throws if `fn` is async: what it makes after its first `await` would escape
 */
export function scope<T>(fn: () => T): T {
  assertFunction('scope', fn);
  const own = new Scope();
  let result: T | undefined;
  try {
    result = within(own, fn);
    if (result instanceof Promise) {
      result.catch(() => {}); // it will meet disposed tensors: the error that counts is this one
      throw new Error('scope: the function must not be async');
    }
    return result;
  } finally {
    const survivors = new Set(tensorsIn(result));
    const outer = innermost(Scope);
    for (const tensor of own.tensors) {
      if (survivors.has(tensor)) outer?.made(tensor);
      else tensor.dispose();
    }
  }
}

const kept = new WeakSet<Tensor>();

/** Saves a tensor from scopes and from `backward`: it lives until `dispose`, or until nothing refers to it. */
export function keep<T extends Tensor>(tensor: T): T {
  assertTensor('keep', tensor);
  announceKept(tensor);
  internalsOf(tensor).settle();
  kept.add(tensor);
  return tensor;
}

/** Whether a tensor was passed to `keep`. */
export const isKept = (tensor: Tensor): boolean => kept.has(tensor);
