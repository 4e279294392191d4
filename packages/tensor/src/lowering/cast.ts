import type { cast as op } from '../ops/cast.ts';
import type { LoweringOf } from './launch.ts';

const WORKGROUP = 64;

export const cast: LoweringOf<typeof op> = (gpu, [x], _attributes, output) => {
  // Four neighbours a thread, where the size allows it.
  const FOURS = output.size % 4 === 0;
  const items = output.size / (FOURS ? 4 : 1);
  gpu.launch({
    shader: 'cast',
    constants: { WORKGROUP, BYTES: x.dtype === 'uint8', FOURS },
    outputs: [output],
    inputs: [x],
    uniforms: [items, 0, 0, 0],
    workgroups: Math.ceil(items / WORKGROUP),
  });
};
