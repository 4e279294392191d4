import type { Op } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { stridesOf } from '../shape.ts';
import { lineLanes } from './reduce.ts';

export interface SoftmaxAttributes {
  readonly axis: number;
}

const WORKGROUP = 64;

function softmaxLike(name: 'softmax' | 'logSoftmax'): Op<SoftmaxAttributes> {
  return {
    name,
    infer([x]) {
      return { shape: x!.shape, dtype: floatType(name, [x!]) };
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
      const stride = stridesOf(x!.shape)[axis]!;
      const lines = x!.size / extent;
      const lanes = lineLanes(gpu);
      const LINES = stride === 1 && extent >= 4 * lanes.LANES;
      const FOURS = (LINES ? extent : stride) % 4 === 0;
      const together = LINES ? lanes : { LANES: WORKGROUP, SUBGROUPS: false };
      gpu.launch({
        shader: 'softmax',
        entry: LINES ? 'lines' : 'columns',
        constants: { LINES, FOURS, LOG: name === 'logSoftmax', ...together },
        outputs: [output],
        inputs: [x!],
        uniforms: [lines, extent, stride, 0],
        workgroups: LINES ? lines : Math.ceil(lines / (FOURS ? 4 : 1) / WORKGROUP),
      });
    },
  };
}

export const softmaxOps = { softmax: softmaxLike('softmax'), logSoftmax: softmaxLike('logSoftmax') };
