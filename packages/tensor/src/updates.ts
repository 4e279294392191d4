import { deviceOf, run } from './apply.ts';
import { assertCount, assertTensors } from './arguments.ts';
import { full } from './creation.ts';
import { described } from './described.ts';
import { assertStorable, type NumericArray } from './dtype.ts';
import { assignments } from './lowering/assign.ts';
import { scope } from './scope.ts';
import { show } from './shape.ts';
import { internalsOf, type Tensor, viewOf } from './tensor.ts';
import { forgetWrites, noteWrite } from './writes.ts';

/*
 * Updates in place, which leave no trace in a graph, and the flat buffers that they are made on.
 */

/** target ← source. */
export const assign = (target: Tensor, source: Tensor): void =>
  run(assignments.assign, [target, source], null);

/** target ← target + source. */
export const accumulate = (target: Tensor, source: Tensor): void =>
  run(assignments.accumulate, [target, source], null);

/**
 * Overwrites a tensor's elements from number `from` on with values of the host.
 * @throws unless they are a typed array of numbers of the tensor's type that ends within it
 */
export function writeTo(target: Tensor, values: NumericArray, from = 0): void {
  deviceOf('writeTo', [target]);
  assertCount('writeTo', 'the place of the first element', from);
  if (!ArrayBuffer.isView(values) || typeof (values[0] ?? 0) !== 'number') {
    throw new Error(`writeTo: expects a typed array of numbers, got ${described(values)}`);
  }
  if (from + values.length > target.size) {
    throw new Error(
      `writeTo: ${values.length} values from element ${from} on do not fit into shape ${show(target.shape)}`,
    );
  }
  const { device, storage, offset, dtype } = internalsOf(target);
  assertStorable('writeTo', values, dtype);
  device.write(storage, offset + from, values);
  noteWrite({ storage, offset: offset + from, size: values.length });
}

/**
 * Moves tensors side by side into one buffer, so that an optimizer updates all of them in one launch and a checkpoint
 * reads them at once. Slots start at multiples of 64 elements (256 bytes, the alignment of a WebGPU binding).
 * Returns the buffer as one tensor; padding is 0.
 */
export function flattenInto(tensors: readonly Tensor[]): Tensor {
  assertTensors('flattenInto', tensors);
  const device = deviceOf('flattenInto', tensors);
  if (!device) throw new Error('flattenInto: expects at least one tensor');
  for (const { dtype } of tensors) {
    if (dtype !== 'float32') throw new Error(`flattenInto: expects float32, got ${dtype}`);
  }
  if (new Set(tensors).size < tensors.length) throw new Error('flattenInto: a tensor is named twice');
  const slots = slotsOf(tensors);
  const buffer = full([slots.total], 0, { device });
  scope(() => {
    tensors.forEach((x, i) => {
      if (x.size > 0) assign(viewOf(buffer, x.shape, slots.starts[i]!), x);
      internalsOf(x).moveTo(internalsOf(buffer).storage, slots.starts[i]!);
    });
  });
  forgetWrites(internalsOf(buffer).storage);
  return buffer;
}

const SLOT = 64;

/** Where each tensor starts in a flat buffer, and the buffer's size. An empty one has a slot too: a binding lies within its buffer. */
export function slotsOf(tensors: readonly { size: number }[]): { starts: number[]; total: number } {
  const starts: number[] = [];
  let total = 0;
  for (const { size } of tensors) {
    starts.push(total);
    total += Math.max(1, Math.ceil(size / SLOT)) * SLOT;
  }
  return { starts, total };
}
