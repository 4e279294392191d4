import { expressionOf, isCheap, type Limits, ownValue, substitute } from './fused-expression.ts';
import { type Node, type ProgramIndex, sameMemory, writersToRedirect } from './program-index.ts';

/** What the end of a kernel may hold: few ops, since each is unrolled many times; as many words as uniforms keep free for it. */
export const END: Limits = { inputs: 3, steps: 3, words: 12 };

/**
 * Merges elementwise launches into the kernels that produce their input: a bias and an activation into a contraction,
 * the mask of a relu into the contraction that makes the gradient, the factor of a mean into its sum. The values are
 * computed as before and in the same order, so the bytes stay the same; a pass over memory and a launch are saved.
 *
 * It is done where the input is a temporary that nobody else reads, all its writers can take one more op, and nothing in
 * between uses the output or writes the other operand. What comes after another end and only a reduction reads is left to
 * `mergeChains`: a loss without a gradient then ends in the contraction that it ends in with one, and shares its kernel.
 */
export function mergeEnds(
  index: ProgramIndex,
  /** Elements below which a merge saves less than compiling one more kernel costs. */
  least = 0,
): void {
  for (const node of index.nodes()) {
    if (node.launch.outputs[0]!.size < least) continue;
    const merged = mergedWriters(index, node);
    if (!merged) continue;
    for (const writer of merged) index.replace(writer);
    index.remove(node);
  }
}

/** Whether it can take what is read into its loads. */
export const isReduction = ({ launch }: Node): boolean =>
  launch.fusion?.role === 'producer' && launch.fusion.loads !== undefined;

/** Whether the values go to one reduction and nowhere else, as they are. */
function isReadByReduction(index: ProgramIndex, node: Node): boolean {
  const output = node.bindings[0]!;
  if (!index.isTemporary(output.storage)) return false;
  const [reader, ...others] = index.usersOf(output.storage).filter(({ at }) => at !== node.at);
  if (!reader || others.length > 0 || reader.at < node.at || !isReduction(reader)) return false;
  const { inputs } = reader.launch;
  return inputs.length === 1 && inputs[0]!.dtype === 'float32' && inputs[0]!.size === output.storage.size;
}

/** The launches before an elementwise one that can do its work, as they become by it. */
function mergedWriters(index: ProgramIndex, node: Node): Node[] | undefined {
  const { fusion } = node.launch;
  if (fusion?.role !== 'elementwise' || fusion.parameters.length > 2 || node.launch.inputs.length > 2)
    return undefined;
  const expression = expressionOf(node);
  if (!expression || !isCheap(expression)) return undefined;
  const output = node.bindings[0]!;
  for (const { binding } of expression.inputs) {
    const { storage } = binding;
    const own = expression.inputs.filter((input) => input.binding.storage === storage);
    // All of the temporary, each element at its own place.
    const whole = own.every(
      (input) => input.index.whole && input.binding.offset === 0 && input.tensor.size === storage.size,
    );
    if (!index.isTemporary(storage) || !whole) continue;
    const writers = writersToRedirect(index, node, storage, output);
    if (!writers) continue;
    if (writers.some(({ ends }) => ends) && isReadByReduction(index, node)) continue;
    const others = expression.inputs.filter((input) => !own.includes(input)).map((input) => input.binding);
    const isChanged = others.some(
      (other) =>
        sameMemory(other.storage, output.storage) ||
        index.isTouched(other, writers[0]!.at, node.at, 'written'),
    );
    if (isChanged) continue;
    const merged: Node[] = [];
    for (const writer of writers) {
      const made = writer.ends ?? ownValue(node.launch.outputs[0]!);
      const ends = substitute(made, storage, expression, END);
      if (writer.launch.fusion?.role !== 'producer' || writer.bindings[0]!.storage !== storage || !ends)
        break;
      const { outputs, launch, bindings, op, origins } = writer;
      merged.push({
        ...writer,
        ends,
        launch: { ...launch, outputs: node.launch.outputs },
        bindings: [
          output,
          ...bindings.slice(1, outputs + launch.inputs.length),
          ...ends.inputs.map((input) => input.binding),
        ],
        op: `${op} + ${node.op}`,
        origins: [...origins, ...node.origins],
      });
    }
    if (merged.length === writers.length) return merged;
  }
  return undefined;
}
