import type { Inputs } from '../contracts.ts';
import { type MovementOp, movementOps } from '../ops/movement.ts';
import { copyStrided, fill } from './copy.ts';
import type { Lower } from './launch.ts';

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

export const permute = copying(movementOps.permute);
export const expand = copying(movementOps.expand);
export const slice = copying(movementOps.slice);
export const pad = copying(movementOps.pad);
export const concat = copying(movementOps.concat);
