import type { Launch } from '../lowering/launch.ts';
import type { Dispatch } from './dispatch.ts';
import { overlaps, sameBuffer } from './elide.ts';
import { type Formula, formulaCode, formulaOf, identity, numbersOf, substitute } from './formula.ts';
import type { GpuStorage } from './memory.ts';
import type { CompiledKernel } from './pipelines.ts';

/** A launch with what it computes, if that is a formula. */
type Chained = Dispatch & { readonly formula?: Formula | undefined };

/** Words of the uniforms of `chain.wgsl`: where its numbers begin, and how many there can be. */
const CHAIN = { start: 4, most: 60 };
/** Functions that cost next to nothing: what calls others is not computed twice. */
const CHEAP = new Set(['select', 'max', 'min', 'abs', 'is_nan']);

/**
 * Merges elementwise launches into the elementwise launches and the reductions that read their output, so that a chain
 * of ops is one launch and one pass over memory. The values are those of the ops one by one, bit for bit.
 *
 * It is done where the output is a temporary that one launch reads, which makes as many elements, and nothing in between
 * writes what it is computed from. A single number, if cheap ops make it, goes into all its readers.
 */
export function fuseChains(
  dispatches: readonly Dispatch[],
  isTemporary: (storage: GpuStorage) => boolean,
  find: (launch: Launch) => CompiledKernel,
  /** Elements below which a merge saves less than compiling one more kernel costs. */
  least = 0,
): Dispatch[] {
  const list: Chained[] = dispatches.map((dispatch) => ({
    ...dispatch,
    formula: formulaOf(dispatch) ?? readingOf(dispatch),
  }));
  for (let at = 0; at < list.length; at++) {
    if (list[at]!.launch.outputs[0]!.size < least) continue;
    const readers = readersOf(list, at, isTemporary);
    if (!readers) continue;
    for (const [index, formula] of readers) list[index] = joined(list[at]!, list[index]!, formula);
    list.splice(at--, 1);
  }
  return list.map((dispatch) => (isMerged(dispatch) ? compiled(dispatch, find) : dispatch));
}

const loadsOf = ({ launch }: Dispatch) =>
  launch.fusion?.role === 'producer' ? launch.fusion.loads : undefined;

/** What a reduction reads, as a formula: its input as it is. One whose end reads another operand stays as it is. */
function readingOf(dispatch: Dispatch): Formula | undefined {
  const { inputs } = dispatch.launch;
  if (!loadsOf(dispatch) || inputs.length !== 1 || inputs[0]!.dtype !== 'float32') return undefined;
  return identity(inputs[0]!, dispatch.bindings[dispatch.outputs]!);
}

/** The launches that read what the one at `at` makes, each with both formulas in one; undefined if it has to stay. */
function readersOf(
  list: readonly Chained[],
  at: number,
  isTemporary: (storage: GpuStorage) => boolean,
): [index: number, formula: Formula][] | undefined {
  const { formula: made, bindings, launch } = list[at]!;
  const output = bindings[0]!;
  if (!made || launch.fusion?.role !== 'elementwise') return undefined;
  if (!isTemporary(output.storage) || output.storage.size !== made.size) return undefined;
  const readers: [number, Formula][] = [];
  for (const [index, reader] of list.entries()) {
    const uses = reader.bindings.filter(({ storage }) => storage === output.storage);
    if (index === at || uses.length === 0) continue;
    if (index < at || !reader.formula || uses.some(({ bytes }) => bytes !== output.bytes)) return undefined;
    if (reader.bindings.slice(0, reader.outputs).some((written) => uses.includes(written))) return undefined;
    if (made.size !== reader.formula.size && made.size !== 1) return undefined;
    if (made.inputs.some(({ binding }) => sameBuffer(binding.storage, reader.bindings[0]!.storage)))
      return undefined;
    const formula = substitute(made, output.storage, reader.formula, (loadsOf(reader) ?? CHAIN).most);
    if (!formula) return undefined;
    readers.push([index, formula]);
  }
  if (readers.length === 0 || (readers.length > 1 && !(made.size === 1 && isCheap(made)))) return undefined;
  const written = list
    .slice(at + 1, readers.at(-1)![0])
    .flatMap((other) => other.bindings.slice(0, other.outputs));
  const changes = made.inputs.some(({ binding }) => written.some((other) => overlaps(binding, other)));
  return changes ? undefined : readers;
}

const isCheap = ({ steps }: Formula) =>
  steps.every(({ expression }) =>
    [...expression.matchAll(/([a-z_]\w*)\(/g)].every((match) => CHEAP.has(match[1]!)),
  );

function joined(made: Chained, reader: Chained, formula: Formula): Chained {
  return {
    ...reader,
    formula,
    bindings: [...reader.bindings.slice(0, reader.outputs), ...formula.inputs.map(({ binding }) => binding)],
    op: `${made.op} + ${reader.op}`,
    origins: [...made.origins, ...reader.origins],
  };
}

/** Of an elementwise launch, one step is its own. */
const isMerged = (dispatch: Chained) =>
  dispatch.formula !== undefined && dispatch.formula.steps.length > (loadsOf(dispatch) ? 0 : 1);

/** The same launch with the kernel for its formula. Kernels have as many workgroups either way. */
function compiled({ formula, ...dispatch }: Chained, find: (launch: Launch) => CompiledKernel): Dispatch {
  const { launch, outputs } = dispatch;
  const inputs = formula!.inputs.map(({ tensor }) => tensor);
  const loads = loadsOf(dispatch);
  const vectors = loads?.vectors ?? formula!.size % 4 === 0;
  const value = formulaCode(formula!, vectors, 1 + outputs);
  const numbers = numbersOf(formula!);
  const { start } = loads ?? CHAIN;
  const uniforms = new Uint32Array(start + numbers.length);
  uniforms.set(loads ? dispatch.uniforms.subarray(0, start) : [formula!.size / (vectors ? 4 : 1)]);
  uniforms.set(numbers, start);
  const { constants = {}, code } = launch;
  const merged: Launch = loads
    ? { ...launch, inputs, constants: { ...constants, MERGED: true }, code: `${code}\n${value}` }
    : {
        ...launch,
        shader: 'chain',
        entry: 'main',
        uniforms: [],
        inputs,
        constants: { WORKGROUP: constants.WORKGROUP!, ITEMS: constants.ITEMS!, VECTORS: vectors },
        code: value,
      };
  return { ...dispatch, kernel: find(merged), launch: merged, uniforms };
}
