import './methods.ts';

export { type CapturedFunction, type CaptureOptions, capture } from './capture.ts';
export { type Device, defaultDevice, setDefaultDevice } from './device.ts';
export { type DType, isFloat, type NumericArray } from './dtype.ts';
export { HALF_EPSILON, HALF_MAX, halfBits, halfValue, roundToHalf } from './float16.ts';
export * from './functions.ts';
export { Generator } from './generator.ts';
export { elementwiseOps } from './ops/elementwise.ts';
export { type Attributes, effects, type OpName, ops } from './ops/index.ts';
export type { Effect, Op, Values } from './ops/op.ts';
export { blocksOf, threefry } from './ops/random.ts';
export { labelled, lastOrigin, type Origin } from './origin.ts';
export { referenceDevice } from './reference/device.ts';
export { broadcastShapes, type Shape, sameShape, show, sizeOf } from './shape.ts';
export {
  addObserver,
  apply,
  empty,
  full,
  isKept,
  keep,
  type Nested,
  type Observer,
  observe,
  ones,
  scope,
  Tensor,
  type TensorOptions,
  tensor,
  traced,
  unobserved,
  zeros,
} from './tensor.ts';
export * from './webgpu/index.ts';
export { float, type Kernels, type Launch } from './webgpu/kernels.ts';
