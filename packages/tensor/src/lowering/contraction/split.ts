import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../../contracts.ts';
import { type AdapterKind, type Launch, shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { isWhole, product, type Task } from './task.ts';

/** When splitting sums pays: up to how many workgroups, and how long the parts have to be at least. */
interface Worth {
  readonly workgroups: number;
  readonly sums: number;
}

/**
 * Parts to split a task's sums into. If nobody asks for a number it is a power of two: as many as are needed for enough
 * workgroups, where undivided sums make `workgroups` of them.
 */
export function partsOf(
  task: Task,
  asked: number | undefined,
  workgroups: number,
  worth: Worth = { workgroups: 64, sums: 512 },
): number {
  if (!isWhole(task)) return 1;
  const sums = product(task.sums);
  let parts = asked ?? 1;
  if (asked === undefined) {
    while (workgroups * parts < worth.workgroups && sums / (2 * parts) >= worth.sums) parts *= 2;
  }
  return Math.max(1, Math.min(parts, Math.ceil(sums / 4)));
}

/** Tiles whose sums are cut into parts. */
export const tiling = {
  /** Tiles along the columns and along the rows, and workgroups in all. */
  across: 'i32',
  down: 'i32',
  groups: 'i32',
  /** Into which the sums are cut, of so many each; elements of C in each. */
  parts: 'i32',
  part_length: 'i32',
  part_elements: 'i32',
} as const;

const kernel = shader(wgsl.addParts, { outputs: 'u32', parts: 'u32' });
const turning = shader({ ...wgsl.addParts, entry: 'turn' }, { rows: 'u32', columns: 'u32' });

const WORKGROUP = 64;
/** Threads of a workgroup that turns what only software adapters make transposed: one subgroup. */
const TURNING = 8;
/** Workgroups along the columns that `turn` takes. */
export const turningGroups = (columns: number): number => Math.ceil(columns / 4 / TURNING);

/** Where an output's parts are many a GPU has threads for them; from so many parts a thread on, up to so many threads. */
const PARTS_A_LANE = 4;
const MOST_LANES = 32;

function shapeOf(kind: AdapterKind, parts: number): { WORKGROUP: number; LANES: number } {
  if (kind !== 'gpu' || parts < 4 * PARTS_A_LANE) return { WORKGROUP, LANES: 1 };
  const LANES = Math.min(MOST_LANES, 2 ** Math.floor(Math.log2(parts / PARTS_A_LANE)));
  // Eight neighbouring outputs at least: 32 bytes are what memory delivers.
  return { WORKGROUP: Math.max(WORKGROUP, 8 * LANES), LANES };
}

/** c [rows, columns], both multiples of four, from what lies transposed. */
export function turn(transposed: TensorView, { rows, columns: digits }: Task, c: TensorView): Launch {
  const columns = product(digits);
  return launchOf({
    shader: turning,
    constants: { WORKGROUP: TURNING, FUSED: false },
    fusion: { role: 'producer', vectors: true },
    outputs: [c],
    inputs: [transposed],
    uniforms: { rows, columns },
    workgroups: [turningGroups(columns), rows / 4, 1],
  });
}

/** c = the sum of the parts, which lie one after the other. */
export function addParts(kind: AdapterKind, parts: TensorView, c: TensorView): Launch {
  const count = parts.size / c.size;
  const shape = shapeOf(kind, count);
  return launchOf({
    shader: kernel,
    constants: { ...shape, FUSED: false },
    fusion: { role: 'producer', vectors: false },
    outputs: [c],
    inputs: [parts],
    uniforms: { outputs: c.size, parts: count },
    workgroups: Math.ceil((c.size * shape.LANES) / shape.WORKGROUP),
  });
}
