import type { softmaxOps } from '../ops/softmax.ts';
import { stridesOf } from '../shape.ts';
import { type LoweringOf, lineLanes } from './launch.ts';

const WORKGROUP = 64;

const softmaxLike =
  (LOG: boolean): LoweringOf<typeof softmaxOps.softmax> =>
  (gpu, [x], { axis }, output) => {
    const extent = x.shape[axis]!;
    const stride = stridesOf(x.shape)[axis]!;
    const lines = x.size / extent;
    const lanes = lineLanes(gpu);
    const LINES = stride === 1 && extent >= 4 * lanes.LANES;
    const FOURS = (LINES ? extent : stride) % 4 === 0;
    const together = LINES ? lanes : { LANES: WORKGROUP, SUBGROUPS: false };
    gpu.launch({
      shader: 'softmax',
      entry: LINES ? 'lines' : 'columns',
      constants: { LINES, FOURS, LOG, ...together },
      outputs: [output],
      inputs: [x],
      uniforms: [lines, extent, stride, 0],
      workgroups: LINES ? lines : Math.ceil(lines / (FOURS ? 4 : 1) / WORKGROUP),
    });
  };

export const softmax = softmaxLike(false);
export const logSoftmax = softmaxLike(true);
