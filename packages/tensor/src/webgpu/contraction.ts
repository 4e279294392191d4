import type { TensorView } from '../contracts.ts';
import type { LaunchContext } from '../lowering/launch.ts';
import { bandsOf, runBands } from './contraction-bands.ts';
import { addresses, fours, isProduct, product, storesVectors, vectorModes } from './contraction-layout.ts';
import { canStay, runResident } from './contraction-resident.ts';
import { forwards, slidesConstants, slidesOf } from './contraction-slides.ts';
import { matrixProduct, runMatrix } from './matrix.ts';
import { shapeKey } from './tuned.ts';

/**
 * Matmul and all convolutions are one contraction with affine addresses:
 *
 *     C[z, m, n] = Σ_{i0, i1, i2} A(z, m, i) · B(z, n, i)
 *
 * `m` counts rows, `n` counts columns as three digits (d0, d1, d2), `i` the summed indices as three digits. A and C
 * are affine in the digits; B is affine in d0, i0 and in the two coordinates h and w, which the convolutions slide:
 *
 *     h = h.start + d1·h.column + i1·h.sum,      w = w.start + d2·w.column + i2·w.sum
 *
 * and reads as 0 where h or w lies outside [0, extent). The idea is that of implicit GEMM (cuDNN, Chetlur et al.
 * 2014), with the index arithmetic in uniforms rather than in a kernel per operation.
 */
export interface Contraction {
  readonly batch: number;
  readonly rows: number;
  /** Extents of the column digits. */
  readonly columns: readonly [number, number, number];
  /** Extents of the summed digits. */
  readonly sums: readonly [number, number, number];
  readonly a: { offset: number; batch: number; row: number; sums: readonly [number, number, number] };
  readonly b: { offset: number; batch: number; d0: number; i0: number; h: Coordinate; w: Coordinate };
  readonly c: { offset: number; batch: number; row: number; columns: readonly [number, number, number] };
  /** Where the lowest digits of the row number count the stride phases of an image: how many there are along h and w, and their strides in C. */
  readonly phases?: {
    readonly counts: readonly [number, number];
    readonly strides: readonly [number, number];
  };
  /**
   * Contractions alike that `batch` counts along h and along w, those along w first: how many there are, and what A's
   * offset, the starts of h and of w, and C's offset grow by from one to the next.
   */
  readonly grid?: {
    readonly counts: readonly [number, number];
    readonly a: readonly [number, number];
    readonly starts: readonly [number, number];
    readonly c: readonly [number, number];
  };
  /** Whether h and w can leave their extents at all. */
  readonly padded: boolean;
}

/** One sliding coordinate of B. `stride` is in elements. */
export interface Coordinate {
  readonly start: number;
  readonly column: number;
  readonly sum: number;
  readonly extent: number;
  readonly stride: number;
}

export const constantCoordinate: Coordinate = { start: 0, column: 0, sum: 0, extent: 1, stride: 0 };

/** How a contraction runs. The choice is `chooseVariant`'s; tests and benchmarks name one. */
export interface ContractionVariant {
  readonly shader: 'naive' | 'lanes' | 'slides' | 'bands' | 'resident' | 'tiles';
  /** Rows of C in a workgroup's tile; with `tiles`, columns too. Bands and resident choose their own. */
  readonly rows: 4 | 8 | 16 | 32 | 64 | 128;
  /** Whether lanes exchange what they load (lanes). */
  readonly subgroups: boolean;
  /** Whether everything is loaded one by one, so that one kernel serves all layouts (lanes). */
  readonly plain: boolean;
  /** Workgroups that share the sum of one tile; their partial sums are added afterwards, in a fixed order. */
  readonly parts: number;
}

/** What the choice depends on besides the task. */
export type Adapter = Pick<LaunchContext, 'kind' | 'subgroups' | 'tuned'>;

const naive: ContractionVariant = { shader: 'naive', rows: 4, subgroups: false, plain: false, parts: 1 };
const lanes = (rows: 4 | 8 | 16 | 32, subgroups: boolean): ContractionVariant => ({
  shader: 'lanes',
  rows,
  subgroups,
  plain: false,
  parts: 1,
});
const tiles = (rows: 32 | 64 | 128): ContractionVariant => ({
  shader: 'tiles',
  rows,
  subgroups: false,
  plain: false,
  parts: 1,
});

/** Every variant by name, splits of K aside. */
export const contractionVariants = {
  naive,
  lanes4: lanes(4, true),
  lanes8: lanes(8, true),
  lanes16: lanes(16, true),
  lanes32: lanes(32, true),
  alone4: lanes(4, false),
  slides4: { ...lanes(4, true), shader: 'slides' },
  slides8: { ...lanes(8, true), shader: 'slides' },
  slides16: { ...lanes(16, true), shader: 'slides' },
  slidesAlone4: { ...lanes(4, false), shader: 'slides' },
  bands: { ...lanes(4, true), shader: 'bands' },
  resident: { ...lanes(4, true), shader: 'resident' },
  plain4: { ...lanes(4, true), plain: true },
  plainAlone4: { ...lanes(4, false), plain: true },
  tiles32: tiles(32),
  tiles64: tiles(64),
  tiles128: tiles(128),
} satisfies Record<string, ContractionVariant>;

/** Whether an adapter can run a variant: lanes exchange values only in subgroups of one known size. */
export function runsOn({ subgroups }: Adapter, variant: ContractionVariant): boolean {
  return (
    !variant.subgroups || (subgroups?.min === subgroups?.max && [4, 8, 16, 32].includes(subgroups?.min ?? 0))
  );
}

let forced: Partial<ContractionVariant> | undefined;

/** Runs every contraction that `queue` asks for by a given variant, or with a part of the choice changed. */
export function withContractionVariant<T>(variant: Partial<ContractionVariant>, queue: () => T): T {
  forced = variant;
  try {
    return queue();
  } finally {
    forced = undefined;
  }
}

/** A contraction that was asked for, and the sizes of its operands and its result. */
export interface SeenContraction {
  readonly task: Contraction;
  readonly half: boolean;
  /** Whether it writes all of C, so that its sums may be split. */
  readonly whole: boolean;
  readonly sizes: readonly [number, number, number];
}

let seen: SeenContraction[] | undefined;

/** The contractions that `queue` asks for, in their order: what there is to tune. */
export function contractionsOf(queue: () => unknown): SeenContraction[] {
  const list: SeenContraction[] = [];
  seen = list;
  try {
    queue();
  } finally {
    seen = undefined;
  }
  return list;
}

/** What was measured as the fastest for shapes like this one, if somebody measured. */
function tunedVariant(
  adapter: Adapter,
  task: Contraction,
  splittable: boolean,
  half: boolean,
): ContractionVariant | undefined {
  const choice = adapter.tuned?.get(shapeKey(task, half));
  if (!choice) return undefined;
  const variant = contractionVariants[choice.variant as keyof typeof contractionVariants] as
    | ContractionVariant
    | undefined;
  return variant && runsOn(adapter, variant)
    ? { ...variant, parts: splittable ? choice.parts : 1 }
    : undefined;
}

/** Queues `task`, reading `a` and `b` and writing `c`. */
export function contract(
  gpu: LaunchContext,
  task: Contraction,
  a: TensorView,
  b: TensorView,
  c: TensorView,
): void {
  const columns = product(task.columns);
  const sums = product(task.sums);
  if (columns * task.rows * task.batch === 0) return;
  const whole = columns * task.rows * task.batch === c.size;
  const half = a.dtype === 'float16';
  seen?.push({ task, half, whole, sizes: [a.size, b.size, c.size] });
  const tuned = tunedVariant(gpu, task, whole, half);
  const matrix = forced || tuned ? undefined : matrixProduct(gpu, task, a.dtype);
  if (matrix) {
    runMatrix(gpu, task, matrix, [a, b, c]);
    return;
  }
  const variant = { ...(tuned ?? chooseVariant(gpu, task, whole, half)), ...forced };
  if (variant.shader === 'naive' || sums === 0) runNaive(gpu, task, a, b, c);
  else {
    const parts = whole ? Math.min(variant.parts, Math.ceil(sums / 4)) : 1;
    const partial = parts > 1 ? gpu.scratch('float32', parts * c.size) : c;
    // Few columns leave most lanes idle: if there are more rows, the two change places, and C is made transposed.
    const exchange = variant.shader !== 'tiles' && isTallProduct(task);
    if (exchange) runTiled(gpu, exchanged(task), b, a, partial, variant, parts, c.size);
    else if (!runOwn(gpu, task, [a, b, partial], variant, parts, c.size))
      runTiled(gpu, task, a, b, partial, variant, parts, c.size);
    if (parts > 1) addParts(gpu, partial, c);
  }
}

/** Chooses by what was measured: see docs/performance.md. `splittable` tells whether the task writes all of C. */
export function chooseVariant(
  adapter: Adapter,
  task: Contraction,
  splittable: boolean,
  half = false,
): ContractionVariant {
  let [rows, columns, sums] = [task.rows, product(task.columns), product(task.sums)];
  // Not worth compiling a kernel for.
  if (rows * columns * sums * task.batch < 2 ** 15) return naive;
  const subgroups = runsOn(adapter, contractionVariants.lanes8);
  // A GPU's tiles want many rows; a few are left to its lanes. Not measured on a GPU yet.
  if (adapter.kind === 'gpu' && (rows > 8 || !subgroups)) {
    const count = (tile: number) => Math.ceil(rows / tile) * Math.ceil(columns / tile) * task.batch;
    const tile = ([128, 64] as const).find((side) => rows >= side && count(side) >= 128) ?? 32;
    return { ...tiles(tile), parts: splitInto(count(tile), 256, sums, 256, splittable) };
  }
  if (makesPhasesInBands(adapter, task)) return contractionVariants.bands;
  if (isTallProduct(task)) [rows, columns] = [columns, rows];
  const many = rows >= 64 && columns >= 16 && sums >= 64;
  if (adapter.kind !== 'gpu' && subgroups && !half && many && canStay(task))
    return contractionVariants.resident;
  // 32 rows are 5 % faster on lavapipe, and take more than twice as long to compile.
  const most = !subgroups ? 4 : adapter.kind === 'swiftshader' ? 8 : 16;
  const tall = rows > 8 ? 16 : rows > 4 ? 8 : 4;
  // A small task takes less time than compiling a kernel for its layout.
  const plain = adapter.kind !== 'gpu' && rows * columns * sums * task.batch < 2 ** 19;
  const variant = { ...lanes(plain ? 4 : (Math.min(tall, most) as 4 | 8 | 16), subgroups), plain };
  const slides = plain || adapter.kind === 'gpu' ? undefined : slidesOf(forwards(task));
  if (slides) {
    // Long turns make long kernels: fewer rows then.
    const size = slides.taps > 4 && variant.rows > 8 ? 8 : variant.rows;
    const count = Math.ceil(rows / size) * Math.ceil(slides.all / lanesOf(adapter, variant)) * task.batch;
    const parts = Math.min(splitInto(count, 64, sums, 512, splittable), task.sums[0]);
    return { ...variant, shader: 'slides', rows: size, parts };
  }
  const width = 4 * lanesOf(adapter, variant);
  const count = Math.ceil(rows / variant.rows) * Math.ceil(columns / width) * task.batch;
  return { ...variant, parts: splitInto(count, 64, sums, 512, splittable) };
}

/** Whether all phases of an input gradient are best made together, by `contraction_bands.wgsl`. */
export function makesPhasesInBands(adapter: Adapter, task: Contraction): boolean {
  const { bands } = contractionVariants;
  if (adapter.kind !== 'lavapipe' || !task.grid || !runsOn(adapter, bands)) return false;
  return bandsOf(task, lanesOf(adapter, bands)) !== undefined;
}

/** Parts to split sums into for `enough` workgroups, none shorter than `shortest`. */
function splitInto(workgroups: number, enough: number, sums: number, shortest: number, splittable: boolean) {
  let parts = 1;
  while (splittable && workgroups * parts < enough && sums / (2 * parts) >= shortest) parts *= 2;
  return parts;
}

/** A product with so few columns that exchanging rows and columns pays. */
function isTallProduct(task: Contraction): boolean {
  const columns = product(task.columns);
  return isProduct(task) && columns < 16 && task.rows > columns;
}

/** Lanes of a workgroup of the lanes variant: a subgroup's, or as many as fill the widest register several times. */
function lanesOf({ subgroups }: Adapter, variant: Pick<ContractionVariant, 'subgroups'>): number {
  return variant.subgroups ? subgroups!.min : 32;
}

function exchanged(task: Contraction): Contraction {
  const { a, b, c } = task;
  return {
    ...task,
    rows: task.columns[2],
    columns: [1, 1, task.rows],
    a: {
      offset: b.offset,
      batch: b.batch,
      row: b.w.column * b.w.stride,
      sums: [0, 0, b.w.sum * b.w.stride],
    },
    b: {
      offset: a.offset,
      batch: a.batch,
      d0: 0,
      i0: 0,
      h: constantCoordinate,
      w: { start: 0, column: a.row, sum: a.sums[2], extent: 0x7fffffff, stride: 1 },
    },
    c: { offset: c.offset, batch: c.batch, row: c.columns[2], columns: [0, 0, c.row] },
  };
}

const WORKGROUP = 64;

function runNaive(gpu: LaunchContext, task: Contraction, a: TensorView, b: TensorView, c: TensorView): void {
  const outputs = product(task.columns) * task.rows * task.batch;
  gpu.launch({
    shader: 'contraction',
    constants: {
      WORKGROUP,
      PADDED: task.padded,
      PHASES: task.phases !== undefined,
      GRID: task.grid !== undefined,
      FUSED: false,
    },
    fusion: { role: 'producer', words: 44, vectors: false },
    outputs: [c],
    inputs: [a, b],
    uniforms: [...addresses(task), outputs],
    flops: 2 * outputs * product(task.sums),
    workgroups: Math.ceil(outputs / WORKGROUP),
  });
}

/** c = the sum of the parts, which lie one after the other. */
function addParts(gpu: LaunchContext, parts: TensorView, c: TensorView): void {
  gpu.launch({
    shader: 'add_parts',
    constants: { WORKGROUP, FUSED: false },
    fusion: { role: 'producer', words: 4, vectors: false },
    outputs: [c],
    inputs: [parts],
    uniforms: [c.size, parts.size / c.size, 0, 0],
    workgroups: Math.ceil(c.size / WORKGROUP),
  });
}

/** By the kernel of a variant that does not fit every task; false where it does not fit this one, or there is none. */
function runOwn(
  gpu: LaunchContext,
  task: Contraction,
  tensors: readonly [TensorView, TensorView, TensorView],
  variant: ContractionVariant,
  parts: number,
  partSize: number,
): boolean {
  if (variant.shader === 'slides') return runSlides(gpu, task, tensors, variant, parts, partSize);
  if (variant.shader === 'bands') return parts === 1 && runBands(gpu, task, tensors, lanesOf(gpu, variant));
  return (
    variant.shader === 'resident' && parts === 1 && runResident(gpu, task, tensors, lanesOf(gpu, variant))
  );
}

/** By `contraction_slides.wgsl`; false where that does not fit the task. */
function runSlides(
  gpu: LaunchContext,
  backwards: Contraction,
  [a, b, c]: readonly [TensorView, TensorView, TensorView],
  { rows, subgroups }: ContractionVariant,
  parts: number,
  partSize: number,
): boolean {
  const task = forwards(backwards);
  const slides = slidesOf(task);
  if (!slides) return false;
  const lanes = lanesOf(gpu, { subgroups });
  const each = Math.ceil(task.sums[0] / parts);
  const uniforms = [...addresses(task), ...[slides.groups, slides.all, 0, 0], ...[parts, each, partSize, 0]];
  gpu.launch({
    shader: 'contraction_slides',
    constants: {
      ROWS: rows,
      LANES: lanes,
      SUBGROUPS: subgroups,
      VECTORS: subgroups ? Math.ceil(rows / lanes) : rows,
      ...slidesConstants(task, slides),
      CHECKED: task.padded,
      PHASES: task.phases !== undefined,
      GRID: task.grid !== undefined,
      FUSED: false,
    },
    fusion: { role: 'producer', words: uniforms.length, vectors: false },
    outputs: [c],
    inputs: [a, b],
    uniforms,
    workgroups: [Math.ceil(slides.all / lanes), Math.ceil(task.rows / rows), parts * task.batch],
  });
  return true;
}

function runTiled(
  gpu: LaunchContext,
  task: Contraction,
  a: TensorView,
  b: TensorView,
  c: TensorView,
  variant: ContractionVariant,
  parts: number,
  partSize: number,
): void {
  const columns = product(task.columns);
  const sums = product(task.sums);
  const width = variant.shader === 'tiles' ? variant.rows : 4 * lanesOf(gpu, variant);
  const grid = [Math.ceil(columns / width), Math.ceil(task.rows / variant.rows)] as const;
  const groups = grid[0] * grid[1] * task.batch * parts;
  const length = Math.ceil(sums / parts / 4) * 4;
  const uniforms = [...addresses(task), ...[...grid, groups, 0], ...[parts, length, partSize, 0]];
  const C_N4 =
    variant.shader !== 'tiles' && !variant.plain && (fours(partSize) || parts === 1) && storesVectors(task);
  gpu.launch({
    shader: variant.shader === 'tiles' ? 'contraction_tiles' : 'contraction_lanes',
    constants: {
      ...(variant.shader === 'tiles' ? tileConstants(task, variant) : laneConstants(gpu, task, variant)),
      CHECKED: task.padded,
      PHASES: task.phases !== undefined,
      GRID: task.grid !== undefined,
      C_N4,
      FUSED: false,
    },
    fusion: { role: 'producer', words: uniforms.length, vectors: C_N4 },
    outputs: [c],
    inputs: [a, b],
    uniforms,
    flops: 2 * task.batch * task.rows * columns * sums,
    workgroups: groups,
  });
}

function tileConstants(task: Contraction, { rows }: ContractionVariant) {
  return {
    TILE: rows,
    // Both tiles together stay within the 16 KiB of shared memory that every device has.
    DEPTH: rows === 128 ? 8 : 16,
    A_BY_ROW: task.a.row === 1,
    B_BY_K: task.b.w.sum * task.b.w.stride === 1 && task.b.w.column * task.b.w.stride !== 1,
  };
}

function laneConstants(
  gpu: LaunchContext,
  task: Contraction,
  { rows, subgroups, plain }: ContractionVariant,
) {
  const LANES = lanesOf(gpu, { subgroups });
  return {
    ROWS: rows,
    LANES,
    SUBGROUPS: subgroups,
    VECTORS: subgroups ? Math.ceil(rows / LANES) : rows,
    TAIL: plain || product(task.sums) % 4 !== 0,
    ...vectorModes(task),
    ...(plain && { A_K4: false, A_M4: false, B_N4: false, B_K4: false }),
  };
}
