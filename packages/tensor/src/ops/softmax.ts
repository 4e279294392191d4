import { stridesOf } from '../shape.ts';
import type { Op } from './op.ts';

export interface SoftmaxAttributes {
  readonly axis: number;
}

const WORKGROUP = 64;

function softmaxLike(name: 'softmax' | 'logSoftmax'): Op<SoftmaxAttributes> {
  return {
    name,
    infer([x]) {
      if (x!.dtype !== 'float32') throw new Error(`${name}: expects float32, got ${x!.dtype}`);
      return { shape: x!.shape, dtype: 'float32' };
    },
    reference([x], { axis }, output) {
      const extent = x!.shape[axis]!;
      const stride = stridesOf(x!.shape)[axis]!;
      for (let line = 0; line < x!.data.length / extent; line++) {
        const start = Math.floor(line / stride) * stride * extent + (line % stride);
        const at = Array.from({ length: extent }, (_, i) => start + i * stride);
        const greatest = at.reduce((best, i) => Math.max(best, x!.data[i]!), Number.NEGATIVE_INFINITY);
        const total = at.reduce((sum, i) => sum + Math.exp(x!.data[i]! - greatest), 0);
        for (const i of at) {
          const shifted = x!.data[i]! - greatest;
          output.data[i] = name === 'softmax' ? Math.exp(shifted) / total : shifted - Math.log(total);
        }
      }
    },
    kernel(gpu, [x], { axis }, output) {
      const extent = x!.shape[axis]!;
      gpu.launch({
        shader: 'softmax',
        constants: { WORKGROUP, LOG: name === 'logSoftmax' },
        outputs: [output],
        inputs: [x!],
        uniforms: [x!.size / extent, extent, stridesOf(x!.shape)[axis]!, 0],
        workgroups: Math.ceil(x!.size / extent / WORKGROUP),
      });
    },
  };
}

export const softmaxOps = { softmax: softmaxLike('softmax'), logSoftmax: softmaxLike('logSoftmax') };
