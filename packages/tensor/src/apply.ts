import { assertFunction, assertTensor } from './arguments.ts';
import { announce, defaultDevice, within } from './context.ts';
import type { Device, Each, InPlaceUpdate, Inputs, Op, OpCall } from './contracts.ts';
import { allocated, assertAlive, internalsOf, type Tensor, viewOf } from './tensor.ts';
import { noteWrite } from './writes.ts';

/**
 * Runs one op: checks the inputs, infers the output's shape, computes on the inputs' device, tells the interceptors.
 * Everything in `functions/` ends here, and users' own ops enter here.
 */
export function apply<A, I extends Inputs>(
  op: Op<A, I>,
  inputs: Each<Tensor, NoInfer<I>>,
  attributes: NoInfer<A>,
): Tensor {
  const device = deviceOf(op.name, inputs) ?? defaultDevice();
  const { shape, dtype } = op.infer(inputs as unknown as I, attributes);
  const output = op.alias ? viewOf(inputs[0]!, shape) : allocated(op.name, device, dtype, shape);
  const call = { op, inputs, attributes, output };
  // Devices look inside.
  if (!op.alias && output.size > 0) device.run(call as unknown as OpCall);
  announce(call);
  return output;
}

/** Runs an update in place. It leaves no trace in a graph. */
export function run<A, T extends Inputs>(
  update: InPlaceUpdate<A, T>,
  tensors: Each<Tensor, NoInfer<T>>,
  attributes: NoInfer<A>,
): void {
  const device = deviceOf(update.name, tensors)!;
  update.check?.(tensors as unknown as T, attributes);
  if (tensors[0]!.size === 0) return;
  device.update(update, tensors as unknown as T, attributes);
  for (const i of update.writes) noteWrite(internalsOf(tensors[i]!));
}

/** Tells `observer` of every op that `fn` runs, once it ran. */
export function observe<T>(observer: (call: OpCall<Tensor>) => void, fn: () => T): T {
  for (const each of [observer, fn]) assertFunction('observe', each);
  return within({ ran: observer }, fn);
}

/** The one device that all inputs are on, all of them alive. */
export function deviceOf(op: string, inputs: readonly Tensor[]): Device | undefined {
  for (const input of inputs) {
    assertTensor(op, input);
    assertAlive(op, input);
    if (input.device !== inputs[0]!.device) {
      throw new Error(
        `${op}: tensors on different devices: ${inputs[0]!.device.name} and ${input.device.name}`,
      );
    }
  }
  return inputs[0]?.device;
}
