import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { lineStart, stridesOf } from '../shape.ts';

export interface SoftmaxAttributes {
  readonly axis: number;
}

function softmaxLike(name: 'softmax' | 'logSoftmax'): Op<SoftmaxAttributes, readonly [x: TensorView]> {
  return {
    name,
    infer([x]) {
      return { shape: x.shape, dtype: floatType(name, [x]) };
    },
    reference([x], { axis }, output) {
      const extent = x.shape[axis]!;
      const stride = stridesOf(x.shape)[axis]!;
      for (let line = 0; line < x.data.length / extent; line++) {
        const start = lineStart(line, extent, stride);
        const at = Array.from({ length: extent }, (_, i) => start + i * stride);
        const greatest = at.reduce((best, i) => Math.max(best, x.data[i]!), Number.NEGATIVE_INFINITY);
        const total = at.reduce((sum, i) => sum + Math.exp(x.data[i]! - greatest), 0);
        for (const i of at) {
          const shifted = x.data[i]! - greatest;
          output.data[i] = name === 'softmax' ? Math.exp(shifted) / total : shifted - Math.log(total);
        }
      }
    },
  };
}

export const softmaxOps = { softmax: softmaxLike('softmax'), logSoftmax: softmaxLike('logSoftmax') };
