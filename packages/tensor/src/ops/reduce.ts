import { reducedShape, type Shape, show, sizeOf, stridesOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { Kernels } from '../webgpu/kernels.ts';
import type { Op } from './op.ts';

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
      if (x!.dtype !== 'float32') throw new Error(`${name}: expects float32, got ${x!.dtype}`);
      if (name !== 'sum' && axes.some((axis) => x!.shape[axis] === 0)) {
        throw new Error(`${name}: an empty axis has no ${name}: shape ${show(x!.shape)}, axes ${show(axes)}`);
      }
      return { shape: reducedShape(x!.shape, axes, keepDims), dtype: 'float32' };
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

/**
 * One launch reduces at most two digits, and one thread makes each partial result, so that no barrier is needed and
 * the order of additions is fixed. Where too few threads would run, the digits are cut into chunks whose partial
 * results a second launch combines.
 */
function reduceInPasses(gpu: Kernels, code: string, x: Tensor, digits: Run[], output: Tensor): void {
  const reduced = digits.filter((run) => run.reduced);
  if (reduced.length > 2) {
    // Reduce the two innermost digits into a smaller tensor, then go on with the rest.
    const inner = reduced.slice(-2);
    const rest = digits.filter((run) => !inner.includes(run));
    const scratch = gpu.scratch(
      'float32',
      rest.reduce((size, run) => size * run.extent, 1),
    );
    reduceInPasses(
      gpu,
      code,
      x,
      digits.map((run) => ({ ...run, reduced: inner.includes(run) })),
      scratch,
    );
    reduceInPasses(gpu, code, scratch, packed(rest), output);
    return;
  }
  const kept = digits.filter((run) => !run.reduced);
  const outputs = kept.reduce((size, run) => size * run.extent, 1);
  const [r1, r0] = [reduced.at(-1), reduced.at(-2)];
  const [extent0, extent1] = [r0?.extent ?? 1, reduced.length === 0 && x.size === 0 ? 0 : (r1?.extent ?? 1)];
  // Enough threads for the adapter, but at least 32 elements for each.
  const wanted = Math.ceil((gpu.kind === 'gpu' ? 65_536 : 512) / outputs);
  const useful = Math.ceil((extent0 * extent1) / 32);
  const chunks = Math.max(1, Math.min(wanted, useful, 1024));
  // At least one: a sum over nothing is made by a thread, too.
  const chunks0 = extent0 >= extent1 ? Math.max(1, Math.min(chunks, extent0)) : 1;
  const chunks1 = extent0 >= extent1 ? 1 : Math.min(chunks, extent1);
  const split = chunks0 * chunks1 > 1;
  const target = split ? gpu.scratch('float32', outputs * chunks0 * chunks1) : output;
  if (kept.length > MAX_KEPT) {
    throw new Error(`reduce: more than ${MAX_KEPT} interleaved runs of kept axes: ${show(x.shape)}`);
  }
  const pad = (list: number[], value: number) => [...new Array(MAX_KEPT - list.length).fill(value), ...list];
  gpu.launch({
    shader: 'reduce',
    constants: { WORKGROUP },
    code,
    outputs: [target],
    inputs: [x],
    uniforms: [
      outputs,
      chunks0,
      chunks1,
      extent0,
      extent1,
      r0?.stride ?? 0,
      r1?.stride ?? 0,
      0,
      ...pad(
        kept.map((run) => run.extent),
        1,
      ),
      ...pad(
        kept.map((run) => run.stride),
        0,
      ),
    ],
    workgroups: Math.ceil((outputs * chunks0 * chunks1) / WORKGROUP),
  });
  if (split) {
    const partial: Run[] = [
      { reduced: false, extent: outputs, stride: chunks0 * chunks1 },
      { reduced: true, extent: chunks0 * chunks1, stride: 1 },
    ];
    reduceInPasses(gpu, code, target, partial, output);
  }
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
      if (x!.dtype !== 'float32') throw new Error(`${name}: expects float32, got ${x!.dtype}`);
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
      gpu.launch({
        shader: 'reduce',
        entry: 'arg',
        constants: { WORKGROUP },
        code: `fn start() -> f32 { return 0.0; }\nfn step_with(acc: f32, v: f32) -> f32 { return select(0.0, 1.0, ${wgsl}); }`,
        outputs: [output],
        inputs: [x!],
        uniforms: [output.size, 1, 1, 1, x!.shape[axis]!, 0, stridesOf(x!.shape)[axis]!, 0],
        workgroups: Math.ceil(output.size / WORKGROUP),
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
