import { bytesPerElement } from '../../dtype.ts';
import type { Binding } from '../dispatch.ts';
import { type Node, type ProgramIndex, writersToRedirect } from './program-index.ts';

/**
 * Drops copies of a whole temporary into a region of other memory, by letting whoever writes the temporary write that
 * region: gradients thus arrive in their slots of a flat buffer at no cost. The bytes that result are the same.
 *
 * A copy stays where that could change what anybody sees: when something else reads the temporary, when the region is
 * used between the first write and the copy, or when a writer has the region's buffer bound already, which WebGPU
 * refuses.
 */
export function elideCopies(index: ProgramIndex): void {
  for (const node of index.nodes()) {
    const copy = wholeCopy(node);
    if (!copy || !index.isTemporary(copy.source.storage)) continue;
    const writers = writersToRedirect(index, node, copy.source.storage, copy.target);
    if (!writers) continue;
    for (const writer of writers) index.replace(redirect(writer, copy));
    index.remove(node);
  }
}

interface Copy {
  readonly source: Binding;
  readonly target: Binding;
}

/** The two ends, if a launch says that it copies, and copies all of one storage in order. */
function wholeCopy({ launch, bindings }: Node): Copy | undefined {
  const { fusion } = launch;
  if (fusion?.role !== 'copy') return undefined;
  const [target, source] = bindings as readonly [Binding, Binding];
  const { storage } = source;
  // Elements of less than a word share words with their neighbours.
  const bytes = fusion.size * 4;
  const whole =
    bytesPerElement[storage.dtype] === 4 &&
    fusion.from === 0 &&
    fusion.to === 0 &&
    source.offset === 0 &&
    storage.size === fusion.size &&
    source.bytes === bytes &&
    target.bytes === bytes;
  return whole ? { source, target } : undefined;
}

function redirect(node: Node, { source, target }: Copy): Node {
  const bindings = node.bindings.map((binding) =>
    binding.storage === source.storage
      ? { ...binding, storage: target.storage, offset: target.offset + binding.offset }
      : binding,
  );
  return { ...node, bindings };
}
