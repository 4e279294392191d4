import * as wgsl from '@tapegrad/shaders';
import { softmaxOps } from '../ops/softmax.ts';
import { stridesOf } from '../shape.ts';
import { type LoweringOf, shader } from './launch.ts';
import { lineMode } from './lines.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;

const fields = { lines: 'u32', extent: 'u32', stride: 'u32' } as const;
const byLines = shader({ ...wgsl.softmax, entry: 'lines' }, fields);
const byColumns = shader({ ...wgsl.softmax, entry: 'columns' }, fields);

const softmaxLike =
  (LOG: boolean): LoweringOf<typeof softmaxOps.softmax> =>
  (gpu, [x], { axis }, output) => {
    const extent = x.shape[axis]!;
    const stride = stridesOf(x.shape)[axis]!;
    const lines = x.size / extent;
    const { isShared: LINES, lanes } = lineMode(gpu, extent, stride, WORKGROUP);
    const FOURS = (LINES ? extent : stride) % 4 === 0;
    gpu.launch({
      shader: LINES ? byLines : byColumns,
      constants: { FOURS, LOG, ...lanes },
      outputs: [output],
      inputs: [x],
      uniforms: { lines, extent, stride },
      workgroups: LINES ? lines : Math.ceil(lines / (FOURS ? 4 : 1) / WORKGROUP),
    });
  };

const softmax = softmaxLike(false);
const logSoftmax = softmaxLike(true);

export const softmaxes = entered(softmaxOps, { softmax, logSoftmax });
