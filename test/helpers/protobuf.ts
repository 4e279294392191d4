/** A reader of protocol buffers of its own, from the format's description: what tests hold our writer against. */

export type Decoded = Map<number, (bigint | Uint8Array)[]>;

/** Every field by number, in order: integers and fixed numbers as their bits, the rest as bytes. */
export function decode(data: Uint8Array): Decoded {
  const fields: Decoded = new Map();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = data[at++];
      if (byte === undefined) throw new Error('a varint runs past the end');
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > data.length) throw new Error('a field runs past the end');
    at += length;
    return data.subarray(at - length, at);
  };
  while (at < data.length) {
    const key = Number(varint());
    const value = {
      0: varint,
      1: () => new DataView(Uint8Array.from(take(8)).buffer).getBigUint64(0, true),
      2: () => take(Number(varint())),
      5: () => BigInt(new DataView(Uint8Array.from(take(4)).buffer).getUint32(0, true)),
    }[key % 8] as (() => bigint | Uint8Array) | undefined;
    if (!value) throw new Error(`wire type ${key % 8}`);
    const field = Math.floor(key / 8);
    fields.set(field, [...(fields.get(field) ?? []), value()]);
  }
  return fields;
}

const one = (fields: Decoded, field: number) => fields.get(field)?.[0];

export const message = (fields: Decoded, field: number): Decoded => decode(one(fields, field) as Uint8Array);
export const messages = (fields: Decoded, field: number): Decoded[] =>
  (fields.get(field) ?? []).map((value) => decode(value as Uint8Array));
export const text = (fields: Decoded, field: number): string =>
  new TextDecoder().decode((one(fields, field) ?? new Uint8Array()) as Uint8Array);
export const whole = (fields: Decoded, field: number): number =>
  Number(BigInt.asIntN(64, (one(fields, field) ?? 0n) as bigint));
export const float = (fields: Decoded, field: number): number =>
  new Float32Array(Uint32Array.of(Number(one(fields, field))).buffer)[0]!;
export const double = (fields: Decoded, field: number): number =>
  new Float64Array(BigUint64Array.of(one(fields, field) as bigint).buffer)[0]!;
/** A packed list of doubles. */
export const doubles = (fields: Decoded, field: number): number[] => {
  const packed = one(fields, field) as Uint8Array;
  return [...new Float64Array(Uint8Array.from(packed).buffer)];
};
