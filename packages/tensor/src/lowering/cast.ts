import * as wgsl from '@tapegrad/shaders';
import { isFloat } from '../dtype.ts';
import { cast as op } from '../ops/cast.ts';
import { type LoweringOf, shader } from './launch.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;

const convert = shader(wgsl.cast, {
  /** Elements, or fours of them. */
  items: 'u32',
});

const cast: LoweringOf<typeof op> = (gpu, [x], { dtype }, output) => {
  // Four neighbours a thread, where the size allows it.
  const FOURS = output.size % 4 === 0;
  const items = output.size / (FOURS ? 4 : 1);
  gpu.launch({
    shader: convert,
    constants: {
      WORKGROUP,
      BYTES: x.dtype === 'uint8',
      FOURS,
      TO_INTEGERS: isFloat(x.dtype) && !isFloat(dtype),
    },
    outputs: [output],
    inputs: [x],
    uniforms: { items },
    workgroups: Math.ceil(items / WORKGROUP),
  });
};

export const casts = entered({ cast: op }, { cast });
