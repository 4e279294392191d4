import { deviceOf } from './apply.ts';
import { full } from './creation.ts';
import { described } from './described.ts';
import { checkNumber, floatType, numberType } from './dtype.ts';
import { Tensor } from './tensor.ts';

/** Where a tensor is expected, a number stands for a scalar. */
export type Operand = Tensor | number;

/**
 * Puts a number where a tensor is expected, as a scalar of the other operand's type on its device.
 * @throws if none is a tensor, or if a number is no value of the type
 */
export function operands<T extends readonly Operand[]>(op: string, ...values: T): { [K in keyof T]: Tensor } {
  for (const value of values) {
    if (value instanceof Tensor || typeof value === 'number') continue;
    throw new Error(
      `${op}: expects tensors and numbers, got ${described(value)}; tensor(…) makes one of an array`,
    );
  }
  const tensor = values.find((value) => value instanceof Tensor);
  if (!tensor) throw new Error(`${op}: expects at least one tensor`);
  const asTensor = (value: Operand) => (value instanceof Tensor ? value : scalarLike(op, value, tensor));
  return values.map(asTensor) as { [K in keyof T]: Tensor };
}

/** A number as a scalar of a type on a device. @throws if it is no value of the type */
export function scalarLike(
  op: string,
  value: number,
  { dtype, device }: Pick<Tensor, 'dtype' | 'device'>,
): Tensor {
  checkNumber(op, value, dtype);
  return full([], value, { device, dtype: dtype === 'uint8' ? 'float32' : dtype });
}

/** Where a function runs as another op: so that the error names what was called. @throws unless x is alive, and a float */
export function float(op: string, x: Tensor): Tensor {
  deviceOf(op, [x]);
  floatType(op, [x]);
  return x;
}

/** The same where x may be an integer: then the number beside it has to be one too. */
export function besideNumber(op: string, x: Tensor, value: number): Tensor {
  deviceOf(op, [x]);
  checkNumber(op, value, numberType(op, [x]));
  return x;
}
