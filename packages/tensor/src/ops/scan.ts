import type { Op, TensorView } from '../contracts.ts';
import { floatType } from '../dtype.ts';
import { lineStart, stridesOf } from '../shape.ts';

export interface ScanAttributes {
  readonly axis: number;
  /** Sums up from the end of each line. */
  readonly reverse: boolean;
}

const cumsum: Op<ScanAttributes, readonly [x: TensorView]> = {
  name: 'cumsum',
  infer([x]) {
    return { shape: x.shape, dtype: floatType('cumsum', [x]) };
  },
  reference([x], { axis, reverse }, output) {
    const extent = x.shape[axis]!;
    const stride = stridesOf(x.shape)[axis]!;
    for (let line = 0; line < x.data.length / extent; line++) {
      const start = lineStart(line, extent, stride);
      let sum = 0;
      for (let i = 0; i < extent; i++) {
        const at = start + (reverse ? extent - 1 - i : i) * stride;
        sum += x.data[at]!;
        output.data[at] = sum;
      }
    }
  },
};

export const scanOps = { cumsum };
