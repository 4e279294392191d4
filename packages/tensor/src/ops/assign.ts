import type { InPlaceUpdate, TensorView } from '../contracts.ts';
import { show } from '../shape.ts';

type Copied = readonly [target: TensorView, source: TensorView];

/** target ← source (the same number of elements, float32 or any 4-byte type). */
export const assign: InPlaceUpdate<null, Copied> = {
  name: 'assign',
  writes: [0],
  check([target, source]) {
    checkPair('assign', target, source);
    if (target.dtype === 'uint8') throw new Error('assign: uint8 tensors only store; cast to float32 first');
  },
  reference([target, source]) {
    target.data.set(source.data as Float64Array);
  },
};

function checkPair(op: string, target: TensorView, source: TensorView): void {
  if (target.size !== source.size || target.dtype !== source.dtype) {
    throw new Error(
      `${op}: ${target.dtype} ${show(target.shape)} cannot take ${source.dtype} ${show(source.shape)}`,
    );
  }
}

/** target ← target + source. */
export const accumulate: InPlaceUpdate<null, Copied> = {
  name: 'accumulate',
  writes: [0],
  check([target, source]) {
    checkPair('accumulate', target, source);
    if (target.dtype !== 'float32') throw new Error(`accumulate: expects float32, got ${target.dtype}`);
  },
  reference([target, source]) {
    for (let i = 0; i < target.data.length; i++) target.data[i]! += source.data[i]!;
  },
};
