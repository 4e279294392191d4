import {
  expressionOf,
  type FusedExpression,
  identity,
  isCheap,
  type Limits,
  substitute,
} from './fused-expression.ts';
import { END, isReduction } from './merge-ends.ts';
import { type Node, type ProgramIndex, sameMemory } from './program-index.ts';

/** Inputs of a kernel: with an output they are the 8 storage buffers that every WebGPU device has. */
const MOST_INPUTS = 7;
/** Ops of a kernel: small enough to compile fast. */
const MOST_STEPS = 24;
/** Words of a launch's uniforms. */
const MOST_WORDS = 64;
/** Words of `chain.wgsl` for itself. */
const CHAIN_WORDS = 4;

/**
 * Merges elementwise launches into the elementwise launches and the reductions that read their output, so that a chain
 * of ops is one launch and one pass over memory. The values are those of the ops one by one, bit for bit.
 *
 * It is done where the output is a temporary that one launch reads, which makes as many elements, and nothing in between
 * writes what it is computed from. What cheap ops make of a single number, or of one tensor, goes into all its readers: each
 * reads that tensor instead.
 */
export function mergeChains(
  index: ProgramIndex,
  /** Elements below which a merge saves less than compiling one more kernel costs. */
  least = 0,
): void {
  for (const node of index.nodes()) index.replace({ ...node, loads: loadsOf(node) });
  for (const { at } of index.nodes()) {
    const node = index.node(at)!;
    if (node.launch.outputs[0]!.size < least) continue;
    const readers = mergedReaders(index, node);
    if (!readers) continue;
    for (const reader of readers) index.replace(reader);
    index.remove(node);
  }
}

/** Of an elementwise launch all that it computes; of a reduction what it reads, its input as it is. float32 only. */
function loadsOf(node: Node): FusedExpression | undefined {
  const { inputs } = node.launch;
  if (isReduction(node)) {
    // One whose end reads another operand stays as it is.
    const alone = inputs.length === 1 && inputs[0]!.dtype === 'float32' && !node.ends?.inputs.length;
    return alone ? identity(inputs[0]!, node.bindings[node.outputs]!) : undefined;
  }
  const expression = expressionOf(node);
  return expression?.half ? undefined : expression;
}

function limitsOf(node: Node): Limits {
  const words = isReduction(node) ? node.launch.shader.uniforms.words + END.words : CHAIN_WORDS;
  return { inputs: MOST_INPUTS, steps: MOST_STEPS, words: MOST_WORDS - words };
}

/** Whether computing it costs no more than reading it. */
const isFree = (made: FusedExpression) => (made.size === 1 || made.inputs.length === 1) && isCheap(made);

/** The launches that read what a node makes, as they become by computing it themselves; undefined if it has to stay. */
function mergedReaders(index: ProgramIndex, node: Node): Node[] | undefined {
  const { loads: made, bindings, launch } = node;
  const output = bindings[0]!;
  if (!made || launch.fusion?.role !== 'elementwise') return undefined;
  if (!index.isTemporary(output.storage) || output.storage.size !== made.size) return undefined;
  const readers: Node[] = [];
  for (const reader of index.usersOf(output.storage)) {
    if (reader.at === node.at) continue;
    const slots = reader.bindings.flatMap(({ storage }, slot) => (storage === output.storage ? [slot] : []));
    const whole = slots.every(
      (slot) => slot >= reader.outputs && reader.bindings[slot]!.bytes === output.bytes,
    );
    if (reader.at < node.at || !reader.loads || !whole) return undefined;
    if (made.size !== reader.loads.size && made.size !== 1) return undefined;
    if (made.inputs.some(({ binding }) => sameMemory(binding.storage, reader.bindings[0]!.storage)))
      return undefined;
    const loads = substitute(made, output.storage, reader.loads, limitsOf(reader));
    if (!loads) return undefined;
    readers.push({
      ...reader,
      loads,
      bindings: [
        ...reader.bindings.slice(0, reader.outputs),
        ...loads.inputs.map(({ binding }) => binding),
        ...(reader.ends?.inputs.map(({ binding }) => binding) ?? []),
      ],
      op: `${node.op} + ${reader.op}`,
      origins: [...node.origins, ...reader.origins],
    });
  }
  if (readers.length === 0 || (readers.length > 1 && !isFree(made))) return undefined;
  const last = readers.at(-1)!.at;
  const isChanged = made.inputs.some(({ binding }) => index.isTouched(binding, node.at, last, 'written'));
  return isChanged ? undefined : readers;
}
