import type { Binding, RecordedLaunch } from '../dispatch.ts';
import type { GpuStorage } from '../memory.ts';
import type { FusedExpression } from './fused-expression.ts';

/** A launch of a recorded program, as the passes see it. */
export interface Node extends RecordedLaunch {
  /** Its place in the program's order, which no pass changes. */
  readonly at: number;
  /** What it computes, if it is elementwise; or what it reads, if a reduction's loads can be merged into. */
  readonly loads?: FusedExpression | undefined;
  /** What becomes of the values that it stores, once something was merged into its end. */
  readonly ends?: FusedExpression | undefined;
}

/** Buffers are told apart by their memory, or while that is virtual by the storage. */
export const memoryOf = (storage: GpuStorage): object => storage.block ?? storage;

export const sameMemory = (a: GpuStorage, b: GpuStorage) => memoryOf(a) === memoryOf(b);

export const overlaps = (a: Binding, b: Binding) =>
  sameMemory(a.storage, b.storage) && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

/**
 * A recorded program with an index of definitions and uses: which launches write and read a piece of memory. It is built
 * once; the passes change the program through it.
 */
export class ProgramIndex {
  /** Whether memory is nobody's but the program's own, so that it may be left out. */
  readonly isTemporary: (storage: GpuStorage) => boolean;
  readonly #nodes: (Node | undefined)[];
  /** For each piece of memory, the places of the launches that bind it. */
  readonly #users = new Map<object, Set<number>>();

  constructor(launches: readonly RecordedLaunch[], isTemporary: (storage: GpuStorage) => boolean) {
    this.isTemporary = isTemporary;
    this.#nodes = launches.map((launch, at) => ({ ...launch, at }));
    for (const node of this.nodes()) this.#enter(node);
  }

  /** The launches that are left, in their order. */
  nodes(): Node[] {
    return this.#nodes.filter((node) => node !== undefined);
  }

  /** A launch as it is now, after what was merged into it; undefined if it was merged into others. */
  node(at: number): Node | undefined {
    return this.#nodes[at];
  }

  /** The launches that bind a storage's memory, in their order. */
  usersOf(storage: GpuStorage): Node[] {
    const places = [...(this.#users.get(memoryOf(storage)) ?? [])].sort((a, b) => a - b);
    return places.map((at) => this.#nodes[at]!);
  }

  /** Whether a launch between two others, neither of them counted, uses a piece of memory; or whether one writes it. */
  isTouched(binding: Binding, after: number, before: number, how: 'used' | 'written'): boolean {
    return this.usersOf(binding.storage).some(
      ({ at, bindings, outputs }) =>
        after < at &&
        at < before &&
        (how === 'used' ? bindings : bindings.slice(0, outputs)).some((other) => overlaps(other, binding)),
    );
  }

  /** Puts a changed launch into its place. */
  replace(node: Node): void {
    this.#leave(this.#nodes[node.at]!);
    this.#nodes[node.at] = node;
    this.#enter(node);
  }

  remove(node: Node): void {
    this.#leave(this.#nodes[node.at]!);
    this.#nodes[node.at] = undefined;
  }

  #enter({ at, bindings }: Node): void {
    for (const { storage } of bindings) {
      const users = this.#users.get(memoryOf(storage));
      if (users) users.add(at);
      else this.#users.set(memoryOf(storage), new Set([at]));
    }
  }

  #leave({ at, bindings }: Node): void {
    for (const { storage } of bindings) this.#users.get(memoryOf(storage))?.delete(at);
  }
}

/**
 * The launches that write a temporary, if each of them may write `target` in its place: `reader`, which comes after them,
 * alone reads it; none of them binds it in another way, or target's buffer, which WebGPU refuses; and nothing in between
 * uses the target.
 */
export function writersToRedirect(
  index: ProgramIndex,
  reader: Node,
  source: GpuStorage,
  target: Binding,
): Node[] | undefined {
  const writers: Node[] = [];
  for (const user of index.usersOf(source)) {
    if (user.at === reader.at) continue;
    const slots = user.bindings.flatMap(({ storage }, slot) => (storage === source ? [slot] : []));
    if (slots.length !== 1 || slots[0]! >= user.outputs || user.at > reader.at) return undefined;
    if (user.bindings.some(({ storage }) => sameMemory(storage, target.storage))) return undefined;
    writers.push(user);
  }
  if (writers.length === 0 || index.isTouched(target, writers[0]!.at, reader.at, 'used')) return undefined;
  return writers;
}
