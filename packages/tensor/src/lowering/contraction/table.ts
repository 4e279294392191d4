import { innermost } from '../../context.ts';
import type { AdapterKind } from '../launch.ts';
import { lanes } from './lanes.ts';
import { matrix } from './matrix.ts';
import { naive } from './naive.ts';
import { quads } from './quads.ts';
import { resident, turned } from './resident.ts';
import { shapeKey } from './shape-key.ts';
import { isProduct, isTallProduct, product, type Task } from './task.ts';
import { tiles } from './tiles.ts';
import type { Adapter, Plan, Variant } from './variant.ts';

const variants = new Map<string, Variant>();

/** Every variant by its name, which tuned choices and `ForcedVariant` use. Those for windows are here if convolutions are. */
export const contractionVariants: ReadonlyMap<string, Variant> = variants;

/** Adds variants that fit some ops alone, and so come with these: a preference for one that is not here is passed over. */
export function enterVariants(some: readonly Variant[]): void {
  for (const variant of some) variants.set(variant.name, variant);
}

enterVariants([
  naive,
  lanes('lanes4', { rows: 4, subgroups: true }),
  lanes('lanes8', { rows: 8, subgroups: true }),
  lanes('lanes16', { rows: 16, subgroups: true }),
  lanes('alone4', { rows: 4, subgroups: false }),
  lanes('plain4', { rows: 4, subgroups: true, plain: true }),
  lanes('plainAlone4', { rows: 4, subgroups: false, plain: true }),
  quads,
  resident,
  turned,
  tiles('tiles32', { tile: [32, 32], thread: [4, 4], depth: 16, shares: [0.81, 0.74] }),
  tiles('tiles16x128', { tile: [16, 128], thread: [4, 8], depth: 16, shares: [0.85, 0.76] }),
  tiles('tiles32x128', { tile: [32, 128], thread: [4, 8], depth: 16, shares: [0.87, 0.82] }),
  tiles('tiles32x64', { tile: [32, 64], thread: [4, 8], depth: 16, shares: [0.86, 0.81] }),
  tiles('tiles64', { tile: [64, 64], thread: [4, 8], depth: 16, shares: [0.87, 0.83] }),
  tiles('tiles128x64', { tile: [128, 64], thread: [8, 8], depth: 8, shares: [0.9, 0.87] }),
  tiles('tiles128', { tile: [128, 128], thread: [8, 8], depth: 8, shares: [0.91, 0.88] }),
  matrix,
]);

/** What preferences ask of a task. */
interface Extents {
  readonly rows: number;
  readonly columns: number;
  readonly sums: number;
  readonly batch: number;
  /** Multiplications. */
  readonly work: number;
  /** Rows and columns as the kernels for lanes see them, which exchange them where columns are few. */
  readonly long: number;
  readonly wide: number;
  readonly grid: boolean;
  /** Whether it is a product of matrices. */
  readonly flat: boolean;
}

function extentsOf(task: Task): Extents {
  const { rows, batch } = task;
  const [columns, sums] = [product(task.columns), product(task.sums)];
  const [long, wide] = isTallProduct(task) ? [columns, rows] : [rows, columns];
  const work = rows * columns * sums * batch;
  return {
    rows,
    columns,
    sums,
    batch,
    work,
    long,
    wide,
    grid: task.grid !== undefined,
    flat: isProduct(task),
  };
}

/**
 * A variant, or several of which the one with the fewest estimated cycles is meant, and for which tasks and plans it is
 * preferred: for all that it fits, if nothing is said.
 */
type Preference = readonly [
  variant: string | readonly string[],
  when?: (extents: Extents, plan: Plan) => boolean,
];

/** Not worth compiling a kernel for. */
const isTiny = ({ work }: Extents) => work < 2 ** 15;
/** More than one thread of a GPU, which waits for memory after every few, should add up alone. */
const isLong = ({ sums }: Extents) => sums > 512;
/** Takes less time than compiling a kernel for its layout. */
const isSmall = ({ work }: Extents) => work < 2 ** 19;
/** Hardly more than one block of sums of `resident`: the weight gradients of small batches, and layers after a small code. */
const isOuter = (extents: Extents) => {
  const { long, wide, sums } = extents;
  return long >= 64 && wide >= 16 && sums > 16 && sums <= 32 && !isSmall(extents);
};
/** A layer of a small batch, of sums so long that turning what it makes costs little. */
const isBatch = ({ rows, sums }: Extents) => rows > 16 && sums >= 256;
const rowsFrom =
  (least: number) =>
  ({ long }: Extents) =>
    long >= least;
/** Long turns make long kernels: fewer rows then. */
const hasShortTurns = ({ turn = 0 }: Plan) => turn <= 4;

/** Whether what stays in `quads` meets enough that passes by. */
const staysAndPasses = ({ rows, columns, sums, flat }: Extents) => {
  const [stays, passes] = flat && rows > columns ? [columns, rows] : [rows, columns];
  return stays >= 8 && passes >= 128 && sums >= 16 && sums <= 4 * passes;
};

/** Slides and lanes, and where slides of 16 rows are worth a longer kernel. */
const inLanes = (worth: (plan: Plan) => boolean): readonly Preference[] => [
  ['resident', ({ long, wide, sums }) => long >= 64 && wide >= 16 && sums >= 64],
  ['plain4', isSmall],
  ['plainAlone4', isSmall],
  ['slides16', (extents, plan) => rowsFrom(9)(extents) && worth(plan)],
  ['slides8', rowsFrom(5)],
  ['slides4'],
  ['slidesAlone4'],
  ['lanes16', rowsFrom(9)],
  ['lanes8', rowsFrom(5)],
  ['lanes4'],
  ['alone4'],
];

/**
 * By what was measured: see docs/performance.md. The first whose condition holds and whose plan fits is taken; the plain
 * kernel fits everything.
 */
const preferences: Record<AdapterKind, readonly Preference[]> = {
  // By what a compiler makes of the kernels and by an estimate: not measured on a GPU yet.
  gpu: [
    ['matrix'],
    ['naive', (extents) => isTiny(extents) && !isLong(extents)],
    [
      [
        'thin',
        'long',
        'tiles16x128',
        'tiles32',
        'tiles32x64',
        'tiles32x128',
        'tiles64',
        'tiles128x64',
        'tiles128',
      ],
    ],
    ['naive'],
  ],
  // 32 rows were 5 % faster and took more than twice as long to compile.
  lavapipe: [
    ['naive', (extents) => isTiny(extents) && (extents.work < 2 ** 14 || !extents.flat)],
    ['bands', ({ grid }) => grid],
    ['planes', ({ rows, sums }) => rows >= 16 && sums >= 1024],
    ['pixels', (extents) => !isSmall(extents)],
    ['patches', (extents) => !isSmall(extents)],
    ['turned', isBatch],
    ['resident', isOuter],
    ...inLanes(hasShortTurns),
    ['naive'],
  ],
  swiftshader: [
    ['naive', isTiny],
    ['patches', (extents) => !isSmall(extents) && extents.sums <= 24],
    ['quads', staysAndPasses],
    ...inLanes(() => true),
    ['naive'],
  ],
};

/** On the stack of interceptors: contractions run by this variant wherever it fits, the innermost having its way. */
export class ForcedVariant {
  /** The one that is taken wherever it fits. */
  readonly variant: Variant;
  /** Workgroups that share a sum; undefined: as many as the variant wants. */
  readonly parts: number | undefined;

  /**
   * @param name one of `contractionVariants`
   * @param parts into which sums are cut; the variant's own choice if nothing is said
   */
  constructor(name: string, parts?: number) {
    this.variant = variantNamed(name);
    this.parts = parts;
  }
}

/** @throws if there is none, naming those that there are */
export function variantNamed(name: string): Variant {
  const variant = contractionVariants.get(name);
  if (variant) return variant;
  throw new Error(
    `contraction: no variant is named '${name}': there are ${[...contractionVariants.keys()].join(', ')}`,
  );
}

/** The variant that others are compared with. */
export const naiveVariant = naive.name;

export interface Choice<P extends Plan = Plan> {
  readonly variant: Variant<P>;
  readonly plan: P;
}

/**
 * The variant that runs a task, and how: one that is forced, if it fits; else one that was measured as the fastest on this
 * very adapter; else the first of the preferences for adapters of its kind.
 */
export function choose(task: Task, adapter: Adapter): Choice {
  const forced = innermost(ForcedVariant);
  const plan = forced?.variant.plan(task, adapter, forced.parts);
  if (plan) return { variant: forced!.variant, plan };
  return tunedChoice(task, adapter) ?? builtInChoice(task, adapter);
}

function tunedChoice(task: Task, adapter: Adapter): Choice | undefined {
  const tuned = adapter.tuned?.get(shapeKey(task));
  // A table may be from a version that had other variants.
  const variant = tuned && contractionVariants.get(tuned.variant);
  const plan = variant?.plan(task, adapter, tuned!.parts);
  return plan && { variant: variant!, plan };
}

/** The choice where nothing was forced or measured. */
export function builtInChoice(task: Task, adapter: Adapter): Choice {
  const extents = extentsOf(task);
  for (const [names, when] of preferences[adapter.kind]) {
    const choices = [names].flat().flatMap((name): Choice[] => {
      const variant = contractionVariants.get(name);
      const plan = variant?.plan(task, adapter);
      return plan && (!when || when(extents, plan)) ? [{ variant: variant!, plan }] : [];
    });
    if (choices.length > 0)
      return choices.reduce((best, one) => (one.plan.cycles! < best.plan.cycles! ? one : best));
  }
  throw new Error('contraction: no variant fits'); // the last preference fits everything
}
