export { inferOptions } from './infer.ts';
export { exportOnnx, type OnnxFiles, type TrainedModel } from './model.ts';
export { type Traceable, traceGraph } from './onnx.ts';
export {
  type Attribute,
  type ElementType,
  encodeOnnx,
  type FileInfo,
  type Graph,
  type Initializer,
  type Node,
  type Port,
} from './onnx-file.ts';
export { type Extent, onnxOps, type Site, type Writer } from './onnx-ops.ts';
export { decodeTorchFile, isTorchFile } from './torch-file.ts';
export { type Call, type Operand, TracingDevice } from './trace.ts';
