import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import { type DType, isFloat } from '../dtype.ts';
import type { ElementwiseOp } from '../ops/elementwise-op.ts';
import { broadcastStrides, sizeOf } from '../shape.ts';
import { axesOf, digitFields, digitsOf } from './digits.ts';
import { type Launch, type LaunchContext, type Lower, shader } from './launch.ts';
import { type Share, shareOf, workgroupsOf } from './share.ts';

/** Threads that keep a large GPU busy while they wait for memory: 2,048 on each of some 130 multiprocessors. */
const FULL = 2 ** 18;

const fields = {
  size: 'u32',
  p: 'vec4f',
  ...digitFields,
} as const;

/** Types in which kernels compute: float16 is widened. */
type Computed = 'f32' | 'i32' | 'u32';

const computedIn = (dtype: DType): Computed => (isFloat(dtype) ? 'f32' : dtype === 'int32' ? 'i32' : 'u32');

/** The kernels of one, two and three inputs, whose parameters are of the type of the result. */
function kernelsOf(p: 'vec4f' | 'vec4i' | 'vec4u') {
  const typed = { ...fields, p: p as 'vec4f' };
  return [
    shader({ ...wgsl.elementwise, entry: 'unary' }, typed),
    shader({ ...wgsl.elementwise, entry: 'binary' }, typed),
    shader({ ...wgsl.elementwise, entry: 'ternary' }, typed),
  ] as const;
}

const kernels = { f32: kernelsOf('vec4f'), i32: kernelsOf('vec4i'), u32: kernelsOf('vec4u') };

const codeOf = (expression: string, result: Computed, [a, b = result, c = result]: readonly Computed[]) =>
  `alias A = ${a}; alias B = ${b}; alias C = ${c}; alias T = ${result};\n` +
  `fn f(a: A, b: B, c: C, p: vec4<T>) -> T { return ${expression}; }`;

const holdsFloats = ({ dtype }: TensorView) => isFloat(dtype);

/** The lowering that every elementwise op has, and those of users may have: its expression in the shared kernel. */
export function elementwiseLowering(
  op: Pick<ElementwiseOp, 'name' | 'expression' | 'integers'>,
): Lower<readonly number[]> {
  const { name, expression, integers = expression } = op;
  const floatCode = codeOf(expression, 'f32', ['f32', 'f32', 'f32']);
  return (gpu, inputs, parameters, output) => {
    const isFloatOnly = holdsFloats(output) && inputs.every(holdsFloats);
    const result = computedIn(output.dtype);
    const code = isFloatOnly
      ? floatCode
      : codeOf(
          result === 'f32' ? expression : integers,
          result,
          inputs.map(({ dtype }) => computedIn(dtype)),
        );
    const kernel = kernels[result][inputs.length - 1]!;
    // Merged expressions are of floats: others stay launches of their own.
    const fusion = isFloatOnly ? ({ role: 'elementwise', expression, parameters } as const) : undefined;
    const work = workOf(gpu, output.size);
    gpu.launch(elementwiseLaunch(name, { shader: kernel, code, fusion }, work, inputs, parameters, output));
  };
}

/** What threads do: elements, or vectors of four neighbours. */
interface Work {
  readonly share: Share;
  readonly vectors: boolean;
}

/**
 * On a GPU one element a thread, until a quarter of the threads, with four each, ask for as much at a time as a full GPU; a software
 * adapter is quick with vectors.
 */
function workOf(gpu: Pick<LaunchContext, 'kind'>, size: number): Work {
  const vectors = size % 4 === 0 && (gpu.kind !== 'gpu' || size >= FULL);
  return { share: shareOf(gpu, size >= 16 * FULL ? 4 : 1), vectors };
}

function elementwiseLaunch(
  name: string,
  { shader, code, fusion }: Pick<Launch<typeof fields>, 'shader' | 'code' | 'fusion'>,
  { share, vectors }: Work,
  inputs: readonly TensorView[],
  parameters: readonly number[],
  output: TensorView,
): Launch<typeof fields> {
  const { shape, strides } = digitsOf(
    name,
    output.shape,
    ...inputs.map((input) => broadcastStrides(input.shape, output.shape)),
  );
  const size = sizeOf(output.shape);
  // Each input along a vector: read straight, or one value (the last axis is broadcast and no vector leaves a row), or
  // four side by side (an earlier axis is broadcast, as for a bias).
  const whole = vectors && shape.at(-1)! % 4 === 0;
  const [A, B, C] = strides.map((list, i) => ({
    straight: vectors && inputs[i]!.size === size,
    splat: whole && list.at(-1) === 0,
    run: whole && list.at(-1) === 1,
  }));
  const modes = {
    VECTORS: vectors,
    A_STRAIGHT: A!.straight,
    A_SPLAT: A!.splat,
    A_RUN: A!.run,
    B_STRAIGHT: B?.straight ?? false,
    B_SPLAT: B?.splat ?? false,
    B_RUN: B?.run ?? false,
    C_STRAIGHT: C?.straight ?? false,
    C_SPLAT: C?.splat ?? false,
    C_RUN: C?.run ?? false,
  };
  const [p0 = 0, p1 = 0, p2 = 0, p3 = 0] = parameters;
  return {
    shader,
    constants: { ...share, RANK: shape.length, ...modes },
    code,
    outputs: [output],
    inputs,
    uniforms: { size, p: [p0, p1, p2, p3], axes: axesOf(shape, ...strides) },
    workgroups: workgroupsOf(share, size / (vectors ? 4 : 1)),
    fusion,
  };
}
