import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import { reduceOps } from '../ops/reduce.ts';
import { type Shape, show, stridesOf } from '../shape.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';
import { lineLanes, lineMode } from './lines.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;
/** Digits of the kept axes that the kernel decodes. */
const MAX_KEPT = 8;

/** A run of neighbouring axes that are all kept or all reduced: the kernels' digits. */
interface Run {
  reduced: boolean;
  extent: number;
  stride: number;
}

function runsOf(shape: Shape, axes: readonly number[]): Run[] {
  const strides = stridesOf(shape);
  const list: Run[] = [];
  shape.forEach((extent, axis) => {
    if (extent === 1) return;
    const reduced = axes.includes(axis);
    const last = list.at(-1);
    if (last?.reduced === reduced) {
      last.extent *= extent;
      last.stride = strides[axis]!;
    } else list.push({ reduced, extent, stride: strides[axis]! });
  });
  return list;
}

const reducing = {
  outputs: 'u32',
  /** Into how many chunks each of the two reduced digits is cut; their extents and strides. */
  chunks0: 'u32',
  chunks1: 'u32',
  extent0: 'u32',
  extent1: 'u32',
  stride0: 'u32',
  stride1: 'u32',
  /** The digits of the output index, right-aligned. */
  kept_shape: 'array<vec4u, 2>',
  kept_strides: 'array<vec4u, 2>',
} as const;
const shaders = {
  main: shader(wgsl.reduce, reducing),
  lines: shader({ ...wgsl.reduce, entry: 'lines' }, reducing),
  columns: shader({ ...wgsl.reduce, entry: 'columns' }, reducing),
  block: shader({ ...wgsl.reduce, entry: 'block' }, reducing),
};

/**
 * Whether a GPU reduces by a workgroup for each output, in one launch. A second one would take longer than the turns that it
 * spares, and a thread for each output leaves most of the GPU idle.
 */
const isBlock = (values: number, outputs: number, all: number) =>
  values >= 32 && values <= 4096 && outputs <= 1024 && all <= 65_536;

/** Lines of `extent` values, `stride` apart. */
const choosing = { outputs: 'u32', extent: 'u32', stride: 'u32' } as const;
const argShaders = {
  single: shader({ ...wgsl.reduce, entry: 'arg' }, choosing),
  lines: shader({ ...wgsl.reduce, entry: 'arg_lines' }, choosing),
};

/** What captured programs may change: see `webgpu/passes/`. */
const UNMERGED = { FUSED: false, MERGED: false } as const;

const fours = (...values: number[]) => values.every((value) => value % 4 === 0);
const product = (digits: readonly Run[]) => digits.reduce((size, run) => size * run.extent, 1);

/**
 * One launch reduces at most two digits, in a fixed order. Where too few threads would run, the digits are cut into
 * chunks whose partial results a second launch combines.
 */
function reduceInPasses(
  gpu: LaunchContext,
  code: string,
  x: TensorView,
  digits: Run[],
  output: TensorView,
): void {
  const reduced = digits.filter((run) => run.reduced);
  const kept = digits.filter((run) => !run.reduced);
  if (reduced.length > 2) {
    // Reduce the two innermost digits into a smaller tensor, then go on with the rest.
    const inner = reduced.slice(-2);
    const rest = digits.filter((run) => !inner.includes(run));
    const scratch = gpu.scratch('float32', product(rest));
    const first = digits.map((run) => ({ ...run, reduced: inner.includes(run) }));
    reduceInPasses(gpu, code, x, first, scratch);
    reduceInPasses(gpu, code, scratch, packed(rest), output);
    return;
  }
  if (kept.length > MAX_KEPT) {
    throw new Error(`reduce: more than ${MAX_KEPT} interleaved runs of kept axes: ${show(x.shape)}`);
  }
  const outputs = product(kept);
  const [r1, r0] = [reduced.at(-1), reduced.at(-2)];
  const [extent0, extent1] = [r0?.extent ?? 1, reduced.length === 0 && x.size === 0 ? 0 : (r1?.extent ?? 1)];
  if (gpu.kind === 'gpu' && isBlock(extent0 * extent1, outputs, x.size)) {
    const LANES = extent0 * extent1 > 512 ? 256 : 64;
    gpu.launch({
      shader: shaders.block,
      constants: { FOURS: false, LANES, SUBGROUPS: false, ...UNMERGED },
      code,
      outputs: [output],
      inputs: [x],
      uniforms: { ...digitsOf(r0, r1, kept), outputs, chunks0: 1, chunks1: 1, extent0, extent1 },
      workgroups: outputs,
      fusion: { role: 'producer', vectors: false, loads: { vectors: false } },
    });
    return;
  }
  const lanes = lineLanes(gpu);
  const mode = modeOf(digits, lanes.LANES);
  // What a worker (a thread, or the lanes of a line) reads at a time, and steps that it can be spared.
  const width = mode === 'lines' ? 4 * lanes.LANES : 1;
  const steps1 = Math.ceil(extent1 / width);
  const workers = mode === 'columns' ? outputs / 4 : outputs;
  // Enough threads for the adapter, but a few steps for each.
  const threads = gpu.kind === 'gpu' ? 65_536 : 512;
  const wanted = Math.ceil(threads / workers / (mode === 'lines' ? lanes.LANES : 1));
  const useful = Math.ceil((extent0 * steps1) / (gpu.kind === 'gpu' && mode === 'lines' ? 8 : 32));
  const chunks = Math.max(1, Math.min(wanted, useful, 1024));
  // At least one: a sum over nothing is made by a thread, too.
  const chunks0 = extent0 >= steps1 ? Math.max(1, Math.min(chunks, extent0)) : 1;
  const chunks1 = extent0 >= steps1 ? 1 : Math.min(chunks, steps1);
  const parts = chunks0 * chunks1;
  const target = parts > 1 ? gpu.scratch('float32', outputs * parts) : output;
  gpu.launch({
    shader: shaders[mode],
    constants: {
      FOURS: mode !== 'main',
      LANES: mode === 'lines' ? lanes.LANES : WORKGROUP,
      SUBGROUPS: mode === 'lines' && lanes.SUBGROUPS,
      ...UNMERGED,
    },
    code,
    outputs: [target],
    inputs: [x],
    uniforms: {
      outputs,
      chunks0,
      chunks1,
      extent0,
      extent1,
      ...digitsOf(r0, r1, kept),
    },
    workgroups: mode === 'lines' ? workers * parts : Math.ceil((workers * parts) / WORKGROUP),
    fusion: {
      role: 'producer',
      vectors: mode === 'columns',
      loads: { vectors: mode !== 'main' },
    },
  });
  if (parts === 1) return;
  // A line's parts lie side by side; those of columns lie row by row.
  const byOutput = mode !== 'columns';
  const each = { reduced: false, extent: outputs, stride: byOutput ? parts : 1 };
  const sum = { reduced: true, extent: parts, stride: byOutput ? 1 : outputs };
  reduceInPasses(gpu, code, target, byOutput ? [each, sum] : [sum, each], output);
}

/** Strides of the reduced digits, and the kept ones. */
function digitsOf(r0: Run | undefined, r1: Run | undefined, kept: readonly Run[]) {
  const pad = (list: number[], value: number) => [...new Array(MAX_KEPT - list.length).fill(value), ...list];
  return {
    stride0: r0?.stride ?? 0,
    stride1: r1?.stride ?? 0,
    kept_shape: pad(
      kept.map((run) => run.extent),
      1,
    ),
    kept_strides: pad(
      kept.map((run) => run.stride),
      0,
    ),
  };
}

/** Which kernel: the vec4s of one go along the reduced axis, those of the other along the kept one. */
function modeOf(digits: readonly Run[], lanes: number): 'main' | 'lines' | 'columns' {
  const last = digits.at(-1);
  const others = digits.slice(0, -1);
  if (last?.stride !== 1 || !fours(last.extent, ...others.map((run) => run.stride))) return 'main';
  if (digits.some((run) => run.extent === 0) || !digits.some((run) => run.reduced)) return 'main';
  if (!last.reduced) return 'columns';
  return product(digits.filter((run) => run.reduced)) >= 8 * lanes ? 'lines' : 'main';
}

/** The same digits when only they are stored, packed row-major. */
function packed(digits: readonly Run[]): Run[] {
  const strides = stridesOf(digits.map((run) => run.extent));
  return digits.map((run, i) => ({ ...run, stride: strides[i]! }));
}

/** WGSL of what a sum (or a product, or an extreme) starts with, and of one step. */
const reduction =
  (start: string, step: string): LoweringOf<typeof reduceOps.sum> =>
  (gpu, [x], { axes }, output) => {
    const code =
      `fn start() -> f32 { return ${start}; }\n` +
      `fn step_with(acc: f32, v: f32) -> f32 { return ${step}; }`;
    reduceInPasses(gpu, code, x, runsOf(x.shape, axes), output);
  };

const sum = reduction('0.0', 'acc + v');
const prod = reduction('1.0', 'acc * v');
const max = reduction('-infinity()', 'greater(acc, v)');
const min = reduction('infinity()', 'lesser(acc, v)');

/** WGSL of whether v beats acc. */
const argReduction =
  (better: string): LoweringOf<typeof reduceOps.argmax> =>
  (gpu, [x], { axis }, output) => {
    const [extent, stride] = [x.shape[axis]!, stridesOf(x.shape)[axis]!];
    const { isShared, lanes } = lineMode(gpu, extent, stride, WORKGROUP);
    gpu.launch({
      shader: isShared ? argShaders.lines : argShaders.single,
      constants: { FOURS: isShared && fours(extent), ...lanes, ...UNMERGED },
      code: `fn start() -> f32 { return 0.0; }\nfn step_with(acc: f32, v: f32) -> f32 { return select(0.0, 1.0, ${better}); }`,
      outputs: [output],
      inputs: [x],
      uniforms: { outputs: output.size, extent, stride },
      workgroups: isShared ? output.size : Math.ceil(output.size / WORKGROUP),
    });
  };

const argmax = argReduction('!is_nan(acc) && (v > acc || is_nan(v))');
const argmin = argReduction('!is_nan(acc) && (v < acc || is_nan(v))');

export const reductions = entered(reduceOps, { sum, prod, max, min, argmax, argmin });
