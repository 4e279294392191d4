import { createRequire } from 'node:module';

/** The ONNX runtime; its types are in a package of their own. */
export const { InferenceSession, Tensor: OnnxTensor } = createRequire(import.meta.url)(
  'onnxruntime-node',
) as typeof import('onnxruntime-common');

/** Runs a model on one float32 input. */
export async function runOnnx(
  file: Uint8Array,
  input: { name: string; values: Float32Array; shape: readonly number[] },
): Promise<Map<string, { shape: readonly number[]; values: Float32Array }>> {
  const session = await InferenceSession.create(file);
  const outputs = await session.run({
    [input.name]: new OnnxTensor('float32', input.values, [...input.shape]),
  });
  return new Map(
    Object.entries(outputs).map(([name, { dims, data }]) => [
      name,
      { shape: dims, values: data as Float32Array },
    ]),
  );
}
