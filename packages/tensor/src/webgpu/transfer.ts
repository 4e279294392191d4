import { bytesPerElement, type DType, hostArray, type NumericArray } from '../dtype.ts';
import { halfBits, halfValue } from '../float16.ts';
import { type Block, byteLength } from './memory.ts';

/*
 * Between host arrays and buffers. float16 is widened to float32 on the host; types smaller than a word are padded to whole
 * words.
 */

/** Copies host values to element `offset` of a buffer. */
export function upload(
  gpu: GPUDevice,
  { buffer }: Block,
  dtype: DType,
  offset: number,
  values: NumericArray,
): void {
  gpu.queue.writeBuffer(buffer, offset * bytesPerElement[dtype], wholeWords(dtype, values));
}

/** Copies elements to a buffer that can be mapped, after all that was submitted before. */
export function stage(
  gpu: GPUDevice,
  { buffer }: Block,
  dtype: DType,
  offset: number,
  size: number,
): GPUBuffer {
  const bytes = byteLength(dtype, size);
  const staging = gpu.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = gpu.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, offset * bytesPerElement[dtype], staging, 0, bytes);
  gpu.queue.submit([encoder.finish()]);
  return staging;
}

/** The values of a buffer from `stage` that has been mapped. Destroys it. */
export function unstage(staging: GPUBuffer, dtype: DType, size: number): NumericArray {
  const mapped = staging.getMappedRange();
  const result = hostArray(dtype, size);
  if (dtype === 'float16') {
    const halves = new Uint16Array(mapped);
    for (let i = 0; i < size; i++) result[i] = halfValue(halves[i]!);
  } else new Uint8Array(result.buffer).set(new Uint8Array(mapped).subarray(0, result.byteLength));
  staging.destroy();
  return result;
}

/** Values as the device stores them: of the right type, padded to whole words. */
function wholeWords(dtype: DType, values: NumericArray): Uint8Array<ArrayBuffer> {
  if (dtype === 'float16') {
    const halves = new Uint16Array(Math.ceil(values.length / 2) * 2);
    for (let i = 0; i < values.length; i++) halves[i] = halfBits(values[i]!);
    return new Uint8Array(halves.buffer);
  }
  const typed = hostArray(dtype, dtype === 'uint8' ? Math.ceil(values.length / 4) * 4 : values.length);
  typed.set(values as Float32Array);
  return new Uint8Array(typed.buffer as ArrayBuffer);
}
