import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import { scanOps } from '../ops/scan.ts';
import { stridesOf } from '../shape.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';
import { lineMode } from './lines.ts';
import { entered } from './table.ts';

const WORKGROUP = 64;

const fields = { lines: 'u32', extent: 'u32', stride: 'u32', chunks: 'u32', length: 'u32' } as const;
const byLines = shader({ ...wgsl.scan, entry: 'lines' }, fields);
const byColumns = shader({ ...wgsl.scan, entry: 'columns' }, fields);

/** Lines along an axis: how many, of how many values, how far apart. */
interface Lines {
  readonly lines: number;
  readonly extent: number;
  readonly stride: number;
}

/** See `shaders/scan.wgsl`. The totals of chunks are scanned by the same function, until there are few enough. */
function scan(gpu: LaunchContext, x: TensorView, along: Lines, REVERSE: boolean, output: TensorView): void {
  const { lines, extent, stride } = along;
  const { isShared: LINES, lanes } = lineMode(gpu, extent, stride, WORKGROUP);
  const FOURS = (LINES ? extent : stride) % 4 === 0;
  // What a worker (a workgroup, or a thread) takes at a time, and how many workers fill the adapter.
  const piece = LINES ? lanes.LANES * (FOURS ? 4 : 1) : 1;
  const workers = lines / (FOURS && !LINES ? 4 : 1);
  const threads = gpu.kind === 'gpu' ? 65_536 : 512;
  const wanted = Math.ceil(threads / workers / (LINES ? lanes.LANES : 1));
  // A chunk is read twice and costs launches, so it has to be long.
  const most = Math.ceil(extent / (LINES ? 8 * piece : 256));
  const length = Math.ceil(extent / Math.max(1, Math.min(wanted, most, 1024)) / piece) * piece;
  const chunks = Math.ceil(extent / length);
  const launch = (TOTALS: boolean, count: number, out: TensorView, offsets?: TensorView) =>
    gpu.launch({
      shader: LINES ? byLines : byColumns,
      constants: { FOURS, REVERSE, TOTALS, OFFSETS: offsets !== undefined, ...lanes },
      outputs: [out],
      inputs: offsets ? [x, offsets] : [x],
      uniforms: { ...along, chunks: count, length },
      workgroups: LINES ? lines * count : Math.ceil((workers * count) / WORKGROUP),
    });
  if (chunks === 1) {
    launch(false, 1, output);
    return;
  }
  const before = chunks - 1;
  const [totals, offsets] = [gpu.scratch('float32', before * lines), gpu.scratch('float32', before * lines)];
  launch(true, before, totals);
  scan(gpu, totals, { lines, extent: before, stride: lines }, false, offsets);
  launch(false, chunks, output, offsets);
}

const cumsum: LoweringOf<typeof scanOps.cumsum> = (gpu, [x], { axis, reverse }, output) => {
  const extent = x.shape[axis]!;
  scan(gpu, x, { lines: x.size / extent, extent, stride: stridesOf(x.shape)[axis]! }, reverse, output);
};

export const scans = entered(scanOps, { cumsum });
