/**
 * Writing protocol buffers: the small part that ONNX models and TensorBoard's events need. A message is the
 * concatenation of its fields; a field is a key (number · 8 + wire type) and a value. Format:
 * https://protobuf.dev/programming-guides/encoding. It works on bytes alone, so it runs in a browser too.
 */

/** An encoded field, or a message: fields one after the other. */
export type Encoded = Uint8Array;

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;

/** Makes a message of fields; those to be left out may be given as undefined. */
export function message(...fields: readonly (Encoded | undefined)[]): Encoded {
  const present = fields.filter((field) => field !== undefined);
  const result = new Uint8Array(present.reduce((size, { length }) => size + length, 0));
  let at = 0;
  for (const field of present) {
    result.set(field, at);
    at += field.length;
  }
  return result;
}

/** Seven bits a byte, the lowest first; negative numbers as 64-bit two's complement, ten bytes long. */
function varint(value: number | bigint): Encoded {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}

const key = (field: number, wire: number): Encoded => varint(field * 8 + wire);

function fixed(wire: typeof FIXED32 | typeof FIXED64, values: readonly number[]): Encoded {
  const size = wire === FIXED32 ? 4 : 8;
  const bytes = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, i) => {
    if (wire === FIXED32) bytes.setFloat32(size * i, value, true);
    else bytes.setFloat64(size * i, value, true);
  });
  return new Uint8Array(bytes.buffer);
}

/** int32, int64, uint32, uint64, enum and bool. */
export const integer = (field: number, value: number | bigint): Encoded =>
  message(key(field, VARINT), varint(value));

export const double = (field: number, value: number): Encoded =>
  message(key(field, FIXED64), fixed(FIXED64, [value]));

export const float = (field: number, value: number): Encoded =>
  message(key(field, FIXED32), fixed(FIXED32, [value]));

/** Bytes, or a message inside a message. */
export const bytes = (field: number, value: Encoded): Encoded =>
  message(key(field, LENGTH), varint(value.length), value);

export const text = (field: number, value: string): Encoded => bytes(field, new TextEncoder().encode(value));

/** repeated double, packed. */
export const doubles = (field: number, values: readonly number[]): Encoded =>
  bytes(field, fixed(FIXED64, values));

/** repeated int64, packed. */
export const integers = (field: number, values: readonly number[]): Encoded =>
  bytes(field, message(...values.map(varint)));
