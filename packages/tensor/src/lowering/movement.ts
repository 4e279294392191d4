import type { Inputs } from '../contracts.ts';
import { type MovementOp, movementOps } from '../ops/movement.ts';
import { copyStrided, fill } from './copy.ts';
import type { Lower } from './launch.ts';
import { entered } from './table.ts';

/** The lowering of every op that only moves elements. */
const copying =
  <A, I extends Inputs>({ copies, background }: MovementOp<A, I>): Lower<A, I> =>
  (gpu, inputs, attributes, output) => {
    if (background) fill(gpu, output, background(attributes));
    const shapes = inputs.map(({ shape }) => shape);
    for (const copy of copies(shapes, attributes, output.shape)) {
      copyStrided(gpu, inputs[copy.input]!, output, copy);
    }
  };

export const movements = entered(movementOps, {
  reshape: null,
  permute: copying(movementOps.permute),
  expand: copying(movementOps.expand),
  slice: copying(movementOps.slice),
  pad: copying(movementOps.pad),
  concat: copying(movementOps.concat),
});
