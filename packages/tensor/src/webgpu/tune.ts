import type { Op, TensorView } from '../contracts.ts';
import { empty } from '../creation.ts';
import { floatType } from '../dtype.ts';
import { defineLowering } from '../lowering/index.ts';
import type { TunedChoice } from '../lowering/launch.ts';
import type { Tensor } from '../tensor.ts';
import {
  type Contraction,
  type ContractionVariant,
  chooseVariant,
  contract,
  contractionVariants,
  runsOn,
  type SeenContraction,
  withContractionVariant,
} from './contraction.ts';
import type { WebGPUDevice } from './device.ts';
import { shapeKey } from './tuned.ts';

export interface TuneOptions {
  /** Names of `contractionVariants` to try; default: all that the adapter runs. */
  readonly variants?: readonly string[];
  /** Milliseconds that one measurement takes at least. */
  readonly atLeast?: number;
  /** Told before each task; by default nobody is. */
  readonly onProgress?: (done: number, total: number, key: string) => void;
}

/** What was measured for one bucket of shapes. */
export interface TunedTask {
  readonly key: string;
  readonly task: Contraction;
  /** Of the built-in choice, and of the fastest. */
  readonly milliseconds: { readonly default: number; readonly best: number };
  readonly default: string;
  /** The fastest; undefined where the built-in choice is as fast. */
  readonly choice: TunedChoice | undefined;
}

/** A challenger has to be this much faster: within it, a repetition may well turn out the other way. */
const MARGIN = 0.95;
/** Rounds over all candidates: a machine's speed drifts, so they take turns. */
const ROUNDS = 3;

/**
 * Times every variant on every task (from `contractionsOf`), and returns for each bucket of shapes which is the fastest.
 * Tasks in one bucket are measured once.
 */
export async function tuneContractions(
  device: WebGPUDevice,
  tasks: readonly SeenContraction[],
  { variants = Object.keys(contractionVariants), atLeast = 20, onProgress }: TuneOptions = {},
): Promise<TunedTask[]> {
  const buckets = new Map(tasks.map((seen) => [shapeKey(seen.task, seen.half), seen]));
  const results: TunedTask[] = [];
  for (const [key, seen] of buckets) {
    onProgress?.(results.length, buckets.size, key);
    results.push(await tuneTask(device, key, seen, variants, atLeast));
  }
  return results;
}

async function tuneTask(
  device: WebGPUDevice,
  key: string,
  { task, half, sizes, whole }: SeenContraction,
  names: readonly string[],
  atLeast: number,
): Promise<TunedTask> {
  const dtype = half ? 'float16' : 'float32';
  const [a, b, c] = sizes.map((size) => empty([size], { dtype, device })) as [Tensor, Tensor, Tensor];
  const op: Op<Contraction, readonly [TensorView, TensorView]> = {
    name: 'tune',
    infer: () => ({ shape: c.shape, dtype: floatType('tune', [a, b]) }),
    reference() {},
  };
  defineLowering(op, (gpu, [x, y], attributes, output) => contract(gpu, attributes, x, y, output));
  const adapter = { kind: device.adapterKind, subgroups: device.subgroups };
  const own = chooseVariant(adapter, task, whole, half);
  const candidates: { name: string; variant: ContractionVariant; best: number }[] = [
    { name: nameOf(own), variant: own, best: Number.POSITIVE_INFINITY },
  ];
  for (const name of names) {
    const variant = contractionVariants[name as keyof typeof contractionVariants] as ContractionVariant;
    if (!variant)
      throw new Error(`tune: no variant is named '${name}': ${Object.keys(contractionVariants).join(', ')}`);
    if (!runsOn(adapter, variant)) continue;
    for (const parts of new Set([1, ...(whole ? [own.parts, 2 * own.parts] : [])])) {
      if (name === nameOf(own) && parts === own.parts) continue;
      candidates.push({ name, variant: { ...variant, parts }, best: Number.POSITIVE_INFINITY });
    }
  }
  const time = async (variant: ContractionVariant, times: number) => {
    const start = performance.now();
    for (let i = 0; i < times; i++)
      withContractionVariant(variant, () => device.run({ op, inputs: [a, b], attributes: task, output: c }));
    await device.synchronize();
    return (performance.now() - start) / times;
  };
  try {
    let limit = Number.POSITIVE_INFINITY;
    for (const candidate of candidates) {
      await time(candidate.variant, 1); // compiles
      const once = await time(candidate.variant, 1);
      // Hopeless ones are not measured further.
      if (once <= 3 * limit) candidate.best = once;
      limit = Math.min(limit, once);
    }
    const promising = candidates.filter(({ best }, i) => i === 0 || best <= 3 * limit);
    for (let round = 0; round < ROUNDS; round++) {
      for (const candidate of promising) {
        const times = Math.max(1, Math.min(200, Math.round(atLeast / candidate.best)));
        candidate.best = Math.min(candidate.best, await time(candidate.variant, times));
      }
    }
  } finally {
    for (const tensor of [a, b, c]) tensor.dispose();
  }
  const best = candidates.reduce((fastest, one) => (one.best < fastest.best ? one : fastest));
  const better = best.best < MARGIN * candidates[0]!.best;
  return {
    key,
    task,
    default: `${candidates[0]!.name}, ${own.parts} parts`,
    milliseconds: { default: candidates[0]!.best, best: best.best },
    choice: better ? { variant: best.name, parts: best.variant.parts } : undefined,
  };
}

/** The name of a variant, whatever its parts. */
function nameOf({ parts: _, ...variant }: ContractionVariant): string {
  const same = ([, { parts: _own, ...other }]: [string, ContractionVariant]) =>
    JSON.stringify(Object.entries(other).sort()) === JSON.stringify(Object.entries(variant).sort());
  return Object.entries(contractionVariants).find(same)?.[0] ?? variant.shader;
}
