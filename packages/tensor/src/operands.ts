import { deviceOf } from './apply.ts';
import { full } from './creation.ts';
import { floatType } from './dtype.ts';
import { Tensor } from './tensor.ts';

/** Where a tensor is expected, a number stands for a scalar. */
export type Operand = Tensor | number;

/** Puts a number where a tensor is expected, as a scalar on the other operand's device. @throws if none is a tensor */
export function operands<T extends readonly Operand[]>(op: string, ...values: T): { [K in keyof T]: Tensor } {
  const tensor = values.find((value) => value instanceof Tensor);
  if (!tensor) throw new Error(`${op}: expects at least one tensor`);
  const options = { device: tensor.device, dtype: tensor.dtype === 'float16' ? tensor.dtype : undefined };
  const asTensor = (value: Operand) => (value instanceof Tensor ? value : full([], value, options));
  return values.map(asTensor) as { [K in keyof T]: Tensor };
}

/** Where a function runs as another op: so that the error names what was called. @throws unless x is alive, and a float */
export function float(op: string, x: Tensor): Tensor {
  deviceOf(op, [x]);
  floatType(op, [x]);
  return x;
}
