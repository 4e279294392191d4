import type { Binding, Dispatch } from './dispatch.ts';
import type { GpuStorage } from './memory.ts';

/**
 * Drops copies of a whole temporary into a region of other memory, by letting whoever writes the temporary write that
 * region: gradients thus arrive in their slots of a flat buffer at no cost. The bytes that result are the same.
 *
 * A copy stays where that could change what anybody sees: when something else reads the temporary, when the region is
 * used between the first write and the copy, or when a writer has the region's buffer bound already, which WebGPU
 * refuses.
 */
export function elideCopies(
  dispatches: readonly Dispatch[],
  isTemporary: (storage: GpuStorage) => boolean,
): Dispatch[] {
  const result = [...dispatches];
  for (let at = 0; at < result.length; at++) {
    const copy = wholeCopy(result[at]!);
    if (!copy || !isTemporary(copy.source.storage)) continue;
    const writers = writersToRedirect(result, at, copy);
    if (!writers) continue;
    for (const index of writers) result[index] = redirect(result[index]!, copy);
    result.splice(at--, 1);
  }
  return result;
}

interface Copy {
  readonly source: Binding;
  readonly target: Binding;
}

/** The two ends, if a launch copies all of one storage in order. The uniforms are those of `copy.wgsl`. */
function wholeCopy({ kernel, bindings, uniforms }: Dispatch): Copy | undefined {
  if (kernel.label !== 'copy.main') return undefined;
  const [target, source] = bindings as readonly [Binding, Binding];
  const [size, rank, sourceOffset, targetOffset] = uniforms;
  const [sourceStride, targetStride] = [uniforms[12], uniforms[20]];
  const inOrder = size === 1 || (rank === 1 && sourceStride === 1 && targetStride === 1);
  const bytes = size! * 4;
  const whole =
    source.offset === 0 &&
    source.storage.size * 4 === bytes &&
    source.bytes === bytes &&
    target.bytes === bytes &&
    sourceOffset === 0 &&
    targetOffset === 0;
  return inOrder && whole ? { source, target } : undefined;
}

/** The launches that write the source of the copy at `at`, or undefined if they may not write its target instead. */
function writersToRedirect(
  dispatches: readonly Dispatch[],
  at: number,
  { source, target }: Copy,
): number[] | undefined {
  const writers: number[] = [];
  for (let index = 0; index < dispatches.length; index++) {
    if (index === at) continue;
    const { bindings, outputs } = dispatches[index]!;
    const own = bindings.flatMap(({ storage }, i) => (storage === source.storage ? [i] : []));
    if (own.length > 0) {
      const [slot] = own as [number];
      // Read elsewhere, used after the copy, bound twice, or beside the buffer that it would move to.
      if (own.length > 1 || slot >= outputs || index > at) return undefined;
      if (bindings.some(({ storage }) => sameBuffer(storage, target.storage))) return undefined;
      writers.push(index);
    } else if (writers.length > 0 && index < at && bindings.some((other) => overlaps(other, target))) {
      return undefined;
    }
  }
  return writers.length > 0 ? writers : undefined;
}

export const sameBuffer = (a: GpuStorage, b: GpuStorage) =>
  a === b || (a.block !== undefined && a.block === b.block);

export const overlaps = (a: Binding, b: Binding) =>
  sameBuffer(a.storage, b.storage) && a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

function redirect(dispatch: Dispatch, { source, target }: Copy): Dispatch {
  const bindings = dispatch.bindings.map((binding) =>
    binding.storage === source.storage
      ? { ...binding, storage: target.storage, offset: target.offset + binding.offset }
      : binding,
  );
  return { ...dispatch, bindings };
}
