import type { DType } from '../dtype.ts';
import type { Op } from './op.ts';

export interface CastAttributes {
  readonly dtype: 'float32' | 'int32' | 'uint32';
}

const WORKGROUP = 64;
const wgslType: Record<DType, string> = { float32: 'f32', int32: 'i32', uint32: 'u32', uint8: 'u32' };

/** Converts the element type; floats are truncated towards zero. */
export const cast: Op<CastAttributes> = {
  name: 'cast',
  infer([x], { dtype }) {
    return { shape: x!.shape, dtype };
  },
  reference([x], { dtype }, output) {
    for (let i = 0; i < output.data.length; i++) {
      output.data[i] = dtype === 'float32' ? x!.data[i]! : Math.trunc(x!.data[i]!);
    }
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
