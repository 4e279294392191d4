import * as wgsl from '@tapegrad/shaders';
import type { TensorView } from '../contracts.ts';
import { accumulate as accumulateUpdate, assign as assignUpdate } from '../ops/assign.ts';
import { copyWhole } from './copy.ts';
import { type LaunchContext, type LoweringOf, shader } from './launch.ts';
import { enteredUpdates } from './table.ts';

const WORKGROUP = 64;

const adding = shader(wgsl.accumulate, { size: 'u32' });

/** The source, or a copy where it lies in the target's buffer: a launch may not write a buffer that it reads. */
function apart(gpu: LaunchContext, source: TensorView, target: TensorView): TensorView {
  if (source.storage !== target.storage) return source;
  const copy = gpu.scratch(source.dtype, source.size);
  copyWhole(gpu, source, copy);
  return copy;
}

const assign: LoweringOf<typeof assignUpdate> = (gpu, [target, source]) =>
  copyWhole(gpu, apart(gpu, source, target), target);

const accumulate: LoweringOf<typeof accumulateUpdate> = (gpu, [target, source]) =>
  gpu.launch({
    shader: adding,
    constants: { WORKGROUP },
    outputs: [target],
    inputs: [apart(gpu, source, target)],
    uniforms: { size: target.size },
    workgroups: Math.ceil(target.size / WORKGROUP),
  });

export const assignments = enteredUpdates(
  { assign: assignUpdate, accumulate: accumulateUpdate },
  { assign, accumulate },
);
