import type { DType } from '../dtype.ts';
import { show } from '../shape.ts';
import type { Op } from './op.ts';

export interface CastAttributes {
  readonly dtype: 'float32' | 'int32' | 'uint32';
}

const WORKGROUP = 64;
const wgslType: Record<DType, string> = { float32: 'f32', int32: 'i32', uint32: 'u32', uint8: 'u32' };

const bounds = { int32: [-(2 ** 31), 2 ** 31 - 1], uint32: [0, 2 ** 32 - 1] } as const;

/**
 * Converts the element type. Floats are truncated towards zero and stop at the bounds of the integers (on the GPU at the
 * last float32 within them); integers wrap.
 */
export const cast: Op<CastAttributes> = {
  name: 'cast',
  infer([x], { dtype }) {
    if (!['float32', 'int32', 'uint32'].includes(dtype)) {
      throw new Error(`cast: cannot make ${dtype} of ${show(x!.shape)}: float32, int32 or uint32`);
    }
    return { shape: x!.shape, dtype };
  },
  reference([x], { dtype }, output) {
    const limit = (value: number) => {
      if (dtype === 'float32' || !(x!.data instanceof Float64Array)) return value;
      return Math.max(bounds[dtype][0], Math.min(bounds[dtype][1], Math.trunc(value)));
    };
    for (let i = 0; i < output.data.length; i++) output.data[i] = limit(x!.data[i]!);
  },
  kernel(gpu, [x], { dtype }, output) {
    gpu.launch({
      shader: 'cast',
      constants: { WORKGROUP, BYTES: x!.dtype === 'uint8' },
      code: `alias From = ${wgslType[x!.dtype]};\nalias To = ${wgslType[dtype]};`,
      outputs: [output],
      inputs: [x!],
      uniforms: [output.size, 0, 0, 0],
      workgroups: Math.ceil(output.size / WORKGROUP),
    });
  },
};
