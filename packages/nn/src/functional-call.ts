import { assertFunction, assertTensor, described, Tensor } from '@tapegrad/tensor';
import { assertModule, type Module } from './module.ts';

/**
 * Runs `fn` with other tensors in the place of some of a module's parameters and buffers, by the names of `stateDict`, and
 * puts the module's own back: a model as a function of its weights, for `grad` and `gradcheck` (PyTorch's
 * `functional_call`). A tensor that the module has in several places is replaced in all of them.
 *
 *     grad((w) => functionalCall(model, new Map([['fc.weight', w]]), () => loss(model.forward(x))))(weights)
 *
 * @throws if the module has no tensor of a name
 */
export function functionalCall<T>(module: Module, tensors: ReadonlyMap<string, Tensor>, fn: () => T): T {
  assertModule('functionalCall', module);
  assertFunction('functionalCall', fn);
  if (!(tensors instanceof Map)) {
    const got = described(tensors);
    throw new Error(`functionalCall: expects a Map from names to tensors, such as a stateDict(), got ${got}`);
  }
  const own = module.stateDict();
  const replacements = new Map<unknown, Tensor>();
  for (const [name, tensor] of tensors) {
    const replaced = own.get(name);
    if (!replaced) {
      throw new Error(`functionalCall: the module has no '${name}'; it has ${[...own.keys()].join(', ')}`);
    }
    assertTensor(`functionalCall, '${name}'`, tensor);
    replacements.set(replaced, tensor);
  }
  const undo: (() => void)[] = [];
  const visit = (holder: Record<string, unknown>) => {
    for (const [name, value] of Object.entries(holder)) {
      if (Array.isArray(value)) visit(value as unknown as Record<string, unknown>);
      if (!(value instanceof Tensor) || !replacements.has(value)) continue;
      holder[name] = replacements.get(value);
      undo.push(() => {
        holder[name] = value;
      });
    }
  };
  try {
    for (const part of module.modules()) visit(part as unknown as Record<string, unknown>);
    return fn();
  } finally {
    for (const step of undo) step();
  }
}
