import type { Op, TensorView } from '../contracts.ts';
import { described } from '../described.ts';
import { type DType, integerRange } from '../dtype.ts';
import { show } from '../shape.ts';

/** What arithmetic results in: every type but uint8, which only stores. */
export type CastType = Exclude<DType, 'uint8'>;

export interface CastAttributes {
  readonly dtype: CastType;
}

const TYPES: readonly DType[] = ['float32', 'float16', 'int32', 'uint32'];

/**
 * Converts the element type. Floats are truncated towards zero and stop at the bounds of the integers (on the GPU at the
 * last float32 within them), NaN becomes 0; integers wrap. float16 rounds, and is infinite beyond 65504.
 */
export const cast: Op<CastAttributes, readonly [x: TensorView]> = {
  name: 'cast',
  infer([x], { dtype }) {
    if (!TYPES.includes(dtype)) {
      throw new Error(
        `cast: cannot make ${described(dtype)} of ${show(x.shape)}: float32, float16, int32 or uint32`,
      );
    }
    return { shape: x.shape, dtype };
  },
  reference([x], { dtype }, output) {
    const limit = (value: number) => {
      if (dtype === 'float32' || dtype === 'float16' || !(x.data instanceof Float64Array)) return value;
      const [least, greatest] = integerRange[dtype];
      return Number.isNaN(value) ? 0 : Math.max(least, Math.min(greatest, Math.trunc(value)));
    };
    for (let i = 0; i < output.data.length; i++) output.data[i] = limit(x.data[i]!);
  },
};
