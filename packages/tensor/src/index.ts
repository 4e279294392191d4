import './methods.ts';

export { apply, observe, run } from './apply.ts';
export {
  assertCount,
  assertFunction,
  assertNumber,
  assertShape,
  assertTensor,
  assertTensors,
} from './arguments.ts';
export { type CapturedFunction, type CaptureOptions, capture } from './capture.ts';
export {
  assertDevice,
  defaultDevice,
  type Interceptor,
  innermost,
  install,
  setDefaultDevice,
  within,
} from './context.ts';
export type {
  AnyOp,
  AnyUpdate,
  Device,
  Each,
  InPlaceUpdate,
  Inputs,
  Op,
  OpCall,
  Storage,
  TensorView,
  Values,
} from './contracts.ts';
export {
  arange,
  empty,
  eye,
  full,
  linspace,
  ones,
  onesLike,
  type TensorOptions,
  tensor,
  zeros,
  zerosLike,
} from './creation.ts';
export { described, excerpt } from './described.ts';
export { assertStorable, type DType, isFloat, type NumericArray } from './dtype.ts';
export { TensorTooLargeError } from './errors.ts';
export { HALF_EPSILON, HALF_MAX, halfBits, halfValue, roundToHalf } from './float16.ts';
export * from './functions/index.ts';
export { assertGenerator, defaultGenerator, Generator, manualSeed } from './generator.ts';
export { elementwiseLowering } from './lowering/elementwise.ts';
export {
  type Launch,
  type LaunchContext,
  type Lower,
  type LowerUpdate,
  type OwnShader,
  type Shader,
  shader,
} from './lowering/launch.ts';
export { defineLowering } from './lowering/table.ts';
export { nameInTable, opNamed } from './op-named.ts';
export { type Attributes, type InputsOf, type OpName, ops } from './op-table.ts';
export { elementwiseOps } from './ops/elementwise-table.ts';
export { blocksOf, threefry } from './ops/random.ts';
export { normalCdf } from './ops/special-functions.ts';
export { assertFlag, checkOptions, requireOptions } from './options.ts';
export { labelled, labelsInForce, nameEntry, type Origin, withOrigins } from './origin.ts';
export { referenceDevice } from './reference/device.ts';
export { isKept, keep, scope } from './scope.ts';
export { broadcastShapes, type Shape, sameShape, show, sizeOf } from './shape.ts';
export {
  type History,
  internalsOf,
  type Nested,
  Tensor,
  type TensorClass,
  type TensorInternals,
  viewOf,
} from './tensor.ts';
export { foldTree, mapTensors, tensorsIn } from './tree.ts';
export { updates } from './update-table.ts';
export * from './updates.ts';
export * from './webgpu/index.ts';
export { updatesSoFar, writtenSince } from './writes.ts';
