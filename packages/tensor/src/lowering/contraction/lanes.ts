import * as wgsl from '@tapegrad/shaders';
import { shader } from '../launch.ts';
import { launchOf } from './launch-of.ts';
import { addressesOf, addressing, flagsOf, fours, storesVectors, vectorModes } from './layout.ts';
import { partsOf, tiling } from './split.ts';
import { exchanged, flopsOf, isTallProduct, product } from './task.ts';
import { hasSums, lanesOf, type Plan, type Variant } from './variant.ts';

interface LanesPlan extends Plan {
  readonly lanes: number;
  /** Whether A and B have changed places in `task`. */
  readonly exchanged: boolean;
}

interface Options {
  /** Rows of a workgroup's tile. */
  readonly rows: 4 | 8 | 16;
  /** Whether lanes exchange what they load. */
  readonly subgroups: boolean;
  /** Whether everything is loaded one by one, so that one kernel serves all layouts. */
  readonly plain?: boolean;
}

const kernel = shader(wgsl.contractionLanes, { ...addressing, ...tiling });

/** `contraction_lanes.wgsl`: rows in registers, four columns a lane, operands handed from lane to lane. */
export const lanes = (name: string, { rows, subgroups, plain = false }: Options): Variant<LanesPlan> => ({
  name,
  plan(asked, adapter, parts) {
    const lanes = lanesOf(adapter, subgroups);
    if (!lanes || !hasSums(asked)) return undefined;
    const isTall = isTallProduct(asked);
    const task = isTall ? exchanged(asked) : asked;
    const count = Math.ceil(task.rows / rows) * Math.ceil(product(task.columns) / (4 * lanes)) * task.batch;
    return { task, lanes, exchanged: isTall, parts: partsOf(task, parts, count) };
  },
  launch({ task, lanes, parts, exchanged }, [a, b, c]) {
    const sums = product(task.sums);
    const [across, down] = [Math.ceil(product(task.columns) / (4 * lanes)), Math.ceil(task.rows / rows)];
    const groups = across * down * task.batch * parts;
    const partSize = task.sizes[2];
    const C_N4 = !plain && (fours(partSize) || parts === 1) && storesVectors(task);
    return launchOf({
      shader: kernel,
      constants: {
        ROWS: rows,
        LANES: lanes,
        SUBGROUPS: subgroups,
        VECTORS: subgroups ? Math.ceil(rows / lanes) : rows,
        TAIL: plain || sums % 4 !== 0,
        ...vectorModes(task),
        ...(plain && { A_K4: false, A_M4: false, B_N4: false, B_K4: false }),
        ...flagsOf(task),
        C_N4,
        FUSED: false,
      },
      fusion: { role: 'producer', vectors: C_N4 },
      outputs: [c],
      inputs: exchanged ? [b, a] : [a, b],
      uniforms: {
        ...addressesOf(task),
        across,
        down,
        groups,
        parts,
        part_length: Math.ceil(sums / parts / 4) * 4,
        part_elements: partSize,
      },
      flops: flopsOf(task),
      workgroups: groups,
    });
  },
});
