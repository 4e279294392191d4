import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { cyclesOfAdding, cyclesOfLaunch } from './estimate.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf, fours, storesVectors, vectorModes } from './layout.ts';
import { tiling } from './split.ts';
import { exchanged, flopsOf, isProduct, isWhole, outputsOf, product, type Task } from './task.ts';
import { hasSums, type Plan, type Variant } from './variant.ts';

const kernel = shader(wgsl.contractionTiles, { ...addressing, ...tiling });

/** How `contraction_tiles.wgsl` cuts a contraction up. */
export interface Tile {
  /** Sums of a workgroup, down and across, and of each of its threads. */
  readonly tile: readonly [rows: number, columns: number];
  readonly thread: readonly [rows: 4 | 8, columns: 4 | 8];
  /** Summed elements that pass through shared memory at a time: the next block has to fit the registers that are left. */
  readonly depth: 8 | 16;
  /** Multiply-adds among the instructions of the loop, of products and of sliding windows: `bench -- isa --for nvidia` says so. */
  readonly shares: readonly [product: number, window: number];
}

/** Bytes of shared memory that every device has. */
const SHARED = 16_384;
/** Bytes of the kernel's vec4s, and how many more of them it has between rows and between fours of k. */
const VEC4 = 16;
const [ROW_GAP, K_GAP] = [2, 1];
/** Bits of a mask. */
const BITS = 32;

const threadsOf = ({ tile, thread }: Tile) => (tile[0] / thread[0]) * (tile[1] / thread[1]);

const NO_WALK = {
  BY_I0: false,
  A_GAP: 0,
  B_GAP: 0,
  WALK: 0,
  TAPS: false,
  LINES: false,
  ROLLING: false,
  ROUND: false,
  STEADY: false,
};

const UNEVEN = { A_FLAT: false, A_K4: false, A_M4: false };

/** What the kernel has to know of the sums' digits. */
function walkOf({ sums, padded, a, b }: Task, tile: Tile) {
  const [, K1, K2] = sums;
  const { depth } = tile;
  if (sums[0] % depth === 0) return { ...NO_WALK, BY_I0: true, A_GAP: a.sums[0], B_GAP: b.i0 };
  const length = K1 * K2;
  const steps = length + depth;
  // The table of steps lies beside the tiles.
  const fours = tile.tile.reduce((sum, extent) => sum + extent + 4 * ROW_GAP + K_GAP, 0) * (depth / 4);
  const ROLLING = Math.ceil(steps / 32) * 32 > SHARED / VEC4 - fours;
  const ROUND = depth % length === 0;
  const sameGaps = ROUND || (length % depth === 0 && depth % K2 === 0) || K2 % depth === 0;
  // A thread has to know while compiling which k it fetches.
  const STEADY = sameGaps && threadsOf(tile) <= tile.tile[1];
  const gap = (j: number) =>
    Math.floor(j / length) * b.i0 +
    (Math.floor(j / K2) % K1) * b.h.sum * b.h.stride +
    (j % K2) * b.w.sum * b.w.stride;
  return {
    ...NO_WALK,
    ROLLING,
    ROUND,
    STEADY,
    WALK: ROLLING ? 2 * depth : Math.ceil(steps / 32) * 32,
    TAPS: padded && steps <= BITS,
    LINES: padded && steps > BITS && K1 + K2 <= BITS,
    ...Object.fromEntries(Array.from({ length: STEADY ? depth : 0 }, (_, j) => [`B_${j}`, gap(j)])),
  };
}

/** Tiles along the columns and along the rows. */
const gridOf = ({ rows, columns }: Task, { tile }: Tile) =>
  [Math.ceil(product(columns) / tile[1]), Math.ceil(rows / tile[0])] as const;

/** More parts gain nothing. */
const MOST_PARTS = 1024;

/** Estimated cycles for a task whose sums are cut into parts. */
function cyclesOf(task: Task, tile: Tile, parts: number): number {
  const [across, down] = gridOf(task, tile);
  const groups = across * down * task.batch * parts;
  const blocks = Math.ceil(product(task.sums) / parts / tile.depth);
  const share = tile.shares[isProduct(task) ? 0 : 1];
  const launch = cyclesOfLaunch({
    groups,
    threads: threadsOf(tile),
    turns: blocks,
    instructions: (tile.thread[0] * tile.thread[1] * tile.depth) / share,
    bytes: groups * blocks * tile.depth * (tile.tile[0] + tile.tile[1]) * 4,
  });
  return launch + cyclesOfAdding(parts, outputsOf(task));
}

/** Parts of whole blocks, none of them empty. */
function wholeParts(task: Task, { depth }: Tile, asked: number): number {
  const blocks = Math.ceil(product(task.sums) / depth);
  return isWhole(task) ? Math.ceil(blocks / Math.ceil(blocks / asked)) : 1;
}

interface TilesPlan extends Plan {
  /** Whether multiply-adds are written out, and the next block fetched ahead. */
  readonly pipelined: boolean;
  /** Whether A and B have changed places in `task`. */
  readonly exchanged: boolean;
  readonly cycles: number;
}

/** How a task is cut, and whether A and B change places: what depends on nothing but its extents. */
type Cut = Pick<TilesPlan, 'parts' | 'exchanged' | 'cycles'>;

/** What takes least, of the parts asked for. */
function cutOf(task: Task, tile: Tile, asked: readonly number[]): Cut {
  const cuts = (one: Task, exchanged: boolean): Cut[] =>
    asked
      .map((most) => wholeParts(one, tile, most))
      .map((parts) => ({ parts, exchanged, cycles: cyclesOf(one, tile, parts) }));
  const mayTurn = isProduct(task) && product(task.columns) < task.rows;
  return [...cuts(task, false), ...(mayTurn ? cuts(exchanged(task), true) : [])].reduce((best, one) =>
    one.cycles < best.cycles ? one : best,
  );
}

const POWERS = Array.from({ length: Math.log2(MOST_PARTS) + 1 }, (_, i) => 2 ** i);

/** `contraction_tiles.wgsl`: tiles through shared memory, for GPUs. Products whose columns are few may be made transposed. */
export const tiles = (name: string, tile: Tile): Variant<TilesPlan> => {
  // An eager program asks for the same ones again and again.
  const known = new Map<string, Cut>();
  const cutFor = (task: Task, parts: number | undefined): Cut => {
    const { batch, rows, columns, sums } = task;
    const key = `${batch} ${rows} ${columns} ${sums} ${isProduct(task)} ${isWhole(task)} ${parts}`;
    const cut = known.get(key) ?? cutOf(task, tile, parts === undefined ? POWERS : [parts]);
    known.set(key, cut);
    return cut;
  };
  return {
    name,
    plan(task, { kind, software }, parts) {
      if (!hasSums(task)) return undefined;
      const cut = cutFor(task, parts);
      const pipelined = kind === 'gpu' && !software;
      return { ...cut, task: cut.exchanged ? exchanged(task) : task, pipelined };
    },
    launch({ task, pipelined, parts, exchanged }, [a, b, c]) {
      const [TILE_M, TILE_N] = tile.tile;
      const { depth } = tile;
      const sums = product(task.sums);
      const [across, down] = gridOf(task, tile);
      const groups = across * down * task.batch * parts;
      const partSize = task.sizes[2];
      const steps = isProduct(task) ? NO_WALK : walkOf(task, tile);
      const modes = { ...vectorModes(task), ...(steps.BY_I0 && task.sums[1] * task.sums[2] > 1 && UNEVEN) };
      const { FLAT, A_K4, A_M4, B_K4, B_N4 } = modes;
      const [column, step] = [task.b.w.column * task.b.w.stride, task.b.w.sum * task.b.w.stride];
      const C_N4 = (fours(partSize) || parts === 1) && storesVectors(task);
      return launchOf({
        shader: kernel,
        constants: {
          TILE_M,
          TILE_N,
          ROWS: tile.thread[0],
          COLUMNS: tile.thread[1],
          DEPTH: depth,
          ...modes,
          A_BY_ROW: !A_K4 && !A_M4 && task.a.row === 1,
          B_BY_K: FLAT && !B_K4 && !B_N4 && step === 1 && column !== 1,
          CLASSES: Math.max(1, TILE_N / threadsOf(tile)),
          ...steps,
          ...flagsOf(task),
          TAIL: sums % depth !== 0,
          C_N4,
          PIPELINED: pipelined,
          FUSED: false,
        },
        fusion: { role: 'producer', vectors: C_N4 },
        outputs: [c],
        inputs: exchanged ? [b, a] : [a, b],
        uniforms: {
          ...addressesOf(task),
          across,
          down,
          groups,
          parts,
          part_length: Math.ceil(sums / parts / depth) * depth,
          part_elements: partSize,
        },
        flops: flopsOf(task),
        workgroups: groups,
      });
    },
  };
};
