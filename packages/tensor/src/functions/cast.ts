import { apply } from '../apply.ts';
import { casts } from '../lowering/cast.ts';
import type { CastType } from '../ops/cast.ts';
import type { Tensor } from '../tensor.ts';

/**
 * The same values, of x's shape, as float32, float16, int32 or uint32. To integers, floats are truncated towards zero and stop
 * at the bounds of the type, and NaN becomes 0; integers wrap. The gradient passes between float types.
 * @throws for uint8, which only stores
 */
export const cast = (x: Tensor, dtype: CastType): Tensor => apply(casts.cast, [x], { dtype });
