import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { reducedShape, type Shape, show, sizeOf, stridesOf } from '../shape.ts';
import { type LaunchContext, subgroupSize } from '../webgpu/kernels.ts';

export interface ReduceAttributes {
  /** Normal (non-negative, ascending) axes. */
  readonly axes: readonly number[];
  readonly keepDims: boolean;
}

const WORKGROUP = 64;
/** Digits of the kept axes that the kernel decodes. */
const MAX_KEPT = 8;

/** A run of neighbouring axes that are all kept or all reduced: the kernels' digits. */
interface Run {
  reduced: boolean;
  extent: number;
  stride: number;
}

function runs(shape: Shape, axes: readonly number[]): Run[] {
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

/** Calls `visit(output index, input index, position among the reduced)` for every element of the input, in order. */
function walk(shape: Shape, axes: readonly number[], visit: (out: number, index: number) => void): void {
  const kept = reducedShape(shape, axes, true);
  const strides = stridesOf(kept).map((stride, axis) => (axes.includes(axis) ? 0 : stride));
  const size = sizeOf(shape);
  for (let index = 0; index < size; index++) {
    let rest = index;
    let out = 0;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      out += (rest % shape[axis]!) * strides[axis]!;
      rest = Math.floor(rest / shape[axis]!);
    }
    visit(out, index);
  }
}

function reduction(
  name: 'sum' | 'max' | 'min',
  start: number,
  step: (accumulated: number, value: number) => number,
  wgsl: { start: string; step: string },
): Op<ReduceAttributes> {
  return {
    name,
    infer([x], { axes, keepDims }) {
      const dtype = floatType(name, [x!]);
      if (name !== 'sum' && axes.some((axis) => x!.shape[axis] === 0)) {
        throw new Error(`${name}: an empty axis has no ${name}: shape ${show(x!.shape)}, axes ${show(axes)}`);
      }
      return { shape: reducedShape(x!.shape, axes, keepDims), dtype };
    },
    reference([x], { axes }, output) {
      output.data.fill(start);
      walk(x!.shape, axes, (out, index) => {
        output.data[out] = step(output.data[out]!, x!.data[index]!);
      });
    },
    kernel(gpu, [x], { axes }, output) {
      const code =
        `fn start() -> f32 { return ${wgsl.start}; }\n` +
        `fn step_with(acc: f32, v: f32) -> f32 { return ${wgsl.step}; }`;
      reduceInPasses(gpu, code, x!, runs(x!.shape, axes), output);
    },
  };
}

/** The kernels of `reduce.wgsl`, by the number that its MODE has for each. */
const MODES = { main: 0, lines: 1, columns: 2, arg: 3, arg_lines: 4 } as const;

/** What captured programs may change: see `fuse.ts` and `fuse-chains.ts`. */
const UNMERGED = { FUSED: false, MERGED: false } as const;

/** Threads that make one line together, and whether they are exactly a subgroup. */
export function lineLanes(gpu: LaunchContext): { LANES: number; SUBGROUPS: boolean } {
  const size = subgroupSize(gpu);
  return { LANES: size ?? (gpu.kind === 'gpu' ? 64 : 8), SUBGROUPS: size !== undefined };
}

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
  const pad = (list: number[], value: number) => [...new Array(MAX_KEPT - list.length).fill(value), ...list];
  const extents = kept.map((run) => run.extent);
  const strides = kept.map((run) => run.stride);
  gpu.launch({
    shader: 'reduce',
    entry: mode,
    constants: {
      MODE: MODES[mode],
      FOURS: mode !== 'main',
      LANES: mode === 'lines' ? lanes.LANES : WORKGROUP,
      SUBGROUPS: mode === 'lines' && lanes.SUBGROUPS,
      ...UNMERGED,
    },
    code,
    outputs: [target],
    inputs: [x],
    uniforms: [
      ...[outputs, chunks0, chunks1, extent0, extent1, r0?.stride ?? 0, r1?.stride ?? 0, 0],
      ...pad(extents, 1),
      ...pad(strides, 0),
    ],
    workgroups: mode === 'lines' ? workers * parts : Math.ceil((workers * parts) / WORKGROUP),
    fusion: {
      role: 'producer',
      words: 24,
      vectors: mode === 'columns',
      loads: { start: 36, most: 28, vectors: mode !== 'main' },
    },
  });
  if (parts === 1) return;
  // A line's parts lie side by side; those of columns lie row by row.
  const byOutput = mode !== 'columns';
  const each = { reduced: false, extent: outputs, stride: byOutput ? parts : 1 };
  const sum = { reduced: true, extent: parts, stride: byOutput ? 1 : outputs };
  reduceInPasses(gpu, code, target, byOutput ? [each, sum] : [sum, each], output);
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

export interface ArgAttributes {
  readonly axis: number;
  readonly keepDims: boolean;
}

function argReduction(
  name: 'argmax' | 'argmin',
  better: (a: number, b: number) => boolean,
  wgsl: string,
): Op<ArgAttributes> {
  return {
    name,
    infer([x], { axis, keepDims }) {
      floatType(name, [x!]);
      if (x!.shape[axis] === 0) throw new Error(`${name}: axis ${axis} of shape ${show(x!.shape)} is empty`);
      return { shape: reducedShape(x!.shape, [axis], keepDims), dtype: 'int32' };
    },
    reference([x], { axis }, output) {
      const extent = x!.shape[axis]!;
      const stride = stridesOf(x!.shape)[axis]!;
      for (let out = 0; out < output.data.length; out++) {
        const start = Math.floor(out / stride) * stride * extent + (out % stride);
        let best = 0;
        for (let i = 1; i < extent; i++) {
          if (better(x!.data[start + i * stride]!, x!.data[start + best * stride]!)) best = i;
        }
        output.data[out] = best;
      }
    },
    kernel(gpu, [x], { axis }, output) {
      const [extent, stride] = [x!.shape[axis]!, stridesOf(x!.shape)[axis]!];
      const lanes = lineLanes(gpu);
      const mode = stride === 1 && extent >= 4 * lanes.LANES ? 'arg_lines' : 'arg';
      const together = mode === 'arg_lines' ? lanes : { LANES: WORKGROUP, SUBGROUPS: false };
      gpu.launch({
        shader: 'reduce',
        entry: mode,
        constants: {
          MODE: MODES[mode],
          FOURS: mode === 'arg_lines' && fours(extent),
          ...together,
          ...UNMERGED,
        },
        code: `fn start() -> f32 { return 0.0; }\nfn step_with(acc: f32, v: f32) -> f32 { return select(0.0, 1.0, ${wgsl}); }`,
        outputs: [output],
        inputs: [x!],
        uniforms: [output.size, 1, 1, 1, extent, 0, stride, 0],
        workgroups: mode === 'arg_lines' ? output.size : Math.ceil(output.size / WORKGROUP),
      });
    },
  };
}

const nanOr = (test: (a: number, b: number) => boolean) => (value: number, best: number) =>
  !Number.isNaN(best) && (Number.isNaN(value) || test(value, best));

/** Reductions over any axes. NaN wins in max, min, argmax and argmin, and the first of equals, as in PyTorch. */
export const reduceOps = {
  sum: reduction('sum', 0, (acc, v) => acc + v, { start: '0.0', step: 'acc + v' }),
  max: reduction('max', Number.NEGATIVE_INFINITY, Math.max, {
    start: '-infinity()',
    step: 'select(acc, v, v > acc || is_nan(v))',
  }),
  min: reduction('min', Number.POSITIVE_INFINITY, Math.min, {
    start: 'infinity()',
    step: 'select(acc, v, v < acc || is_nan(v))',
  }),
  argmax: argReduction(
    'argmax',
    nanOr((v, best) => v > best),
    'v > acc || (is_nan(v) && !is_nan(acc))',
  ),
  argmin: argReduction(
    'argmin',
    nanOr((v, best) => v < best),
    'v < acc || (is_nan(v) && !is_nan(acc))',
  ),
};
