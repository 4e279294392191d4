import { requiresGrad } from '@tapegrad/autograd';
import { assertFlag, assertTensor, described, keep, Tensor } from '@tapegrad/tensor';
import { type LoadOptions, type LoadReport, loadTensors, type TensorSource } from './state.ts';

const parameters = new WeakSet<Tensor>();
const buffers = new WeakSet<Tensor>();

/** Marks a tensor as a parameter of the module that has it as a property: it is learned, saved and loaded. */
export function parameter(tensor: Tensor): Tensor {
  assertTensor('parameter', tensor);
  parameters.add(tensor);
  return requiresGrad(keep(tensor));
}

/**
 * Marks a tensor as part of the module's state that is saved and loaded, but not learned, such as running statistics.
 */
export function buffer(tensor: Tensor): Tensor {
  assertTensor('buffer', tensor);
  buffers.add(tensor);
  return keep(tensor);
}

/**
 * Part of a network: assign layers, parameters, buffers, or arrays of them to properties, and write `forward`.
 *
 * Tensors are named by the path of properties that leads to them, as in PyTorch's `state_dict` and in PyTorch's
 * spelling: `encoder.layers[0].runningMean` is `encoder.layers.0.running_mean`. Private `#fields` are not seen.
 */
export abstract class Module {
  /** Whether layers that behave differently in training (Dropout, BatchNorm2d) do so; see `train` and `eval`. */
  training = true;

  /** Computes the output. PyTorch's `module(x)` is `module.forward(x)`; `callable` makes it a function. */
  abstract forward(...inputs: never[]): unknown;

  /** The properties that may hold parameters and modules, by name; a container may give them other names. */
  protected properties(): Iterable<[string | number, unknown]> {
    return Object.entries(this);
  }

  /** Modules directly inside this one, in the order of definition. */
  *namedChildren(): Iterable<[string, Module]> {
    for (const [name, member] of this.#members()) if (member instanceof Module) yield [name, member];
  }

  /** This module and all inside it, each once. */
  modules(): Module[] {
    const all = new Set<Module>([this]);
    for (const module of all) for (const [, child] of module.namedChildren()) all.add(child);
    return [...all];
  }

  /** All parameters, each once, under its first name. */
  namedParameters(): Map<string, Tensor> {
    const names = new Map<Tensor, string>();
    for (const [name, tensor] of this.#tensors()) {
      if (parameters.has(tensor) && !names.has(tensor)) names.set(tensor, name);
    }
    return new Map([...names].map(([tensor, name]) => [name, tensor]));
  }

  /** What is learned: its own parameters and those of the modules in it, each once. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Parameters and buffers by name: the tensors themselves, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map(this.#tensors());
  }

  /**
   * Writes values into the parameters and buffers of the same names.
   * @throws one line that names what is missing, unexpected or has another shape; nothing is loaded then. With
   *   `{ strict: false }` only another shape is an error, and the missing and unexpected names are returned.
   */
  loadStateDict(state: ReadonlyMap<string, TensorSource>, options?: LoadOptions): LoadReport {
    return loadTensors('loadStateDict', this.stateDict(), state, options);
  }

  /** Switches this module and all inside it to training, or with `false` to evaluation. */
  train(on = true): this {
    assertFlag('train', 'the argument', on);
    for (const module of this.modules()) module.training = on;
    return this;
  }

  /** Switches this module and all inside it to evaluation: dropout and batch statistics are off. Returns the module. */
  eval(): this {
    return this.train(false);
  }

  *#tensors(prefix = ''): Iterable<[string, Tensor]> {
    for (const [name, member] of this.#members()) {
      if (member instanceof Module) yield* member.#tensors(`${prefix}${name}.`);
      else yield [prefix + name, member];
    }
  }

  *#members(): Iterable<[string, Tensor | Module]> {
    for (const [name, value] of this.properties()) yield* members(snakeCase(`${name}`), value);
  }
}

function* members(name: string, value: unknown): Iterable<[string, Tensor | Module]> {
  if (value instanceof Module) yield [name, value];
  else if (value instanceof Tensor && (parameters.has(value) || buffers.has(value))) yield [name, value];
  else if (Array.isArray(value))
    for (const [i, item] of value.entries()) yield* members(`${name}.${i}`, item);
}

/** `runningMean` as PyTorch spells it: `running_mean`. */
const snakeCase = (name: string): string =>
  name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** @throws unless a value is a module */
export function assertModule(what: string, value: unknown): asserts value is Module {
  if (value instanceof Module) return;
  throw new Error(`${what}: expects a module, such as new Linear(3, 4), got ${described(value)}`);
}

/** A module as a function: `callable(layer)(x)`, for what takes functions, such as `gradcheck`. */
export function callable<M extends Module>(module: M): M['forward'] {
  assertModule('callable', module);
  return (...inputs) => module.forward(...inputs);
}
