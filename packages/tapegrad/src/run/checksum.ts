import { createHash } from 'node:crypto';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
} from '@tapegrad/nn';

/*
 * Safetensors files that hold the SHA-256 of their bytes, with the checksum itself taken as zeros. A flipped bit still reads as
 * a number, so only a checksum can detect it.
 */

const EMPTY = '0'.repeat(64);

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number => (a < b ? -1 : 1);

/** The file with this content, and zeros for its checksum. Everything is in order of names, so that there is only one such file. */
function encoded(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): Buffer {
  const texts = Object.entries({ ...metadata, checksum: EMPTY }).sort(byName);
  const file = encodeSafetensors(new Map([...tensors].sort(byName)), Object.fromEntries(texts));
  return Buffer.from(file.buffer, file.byteOffset, file.length);
}

/** SHA-256 of a file with zeros where its checksum stands first. */
function digestOf(file: Buffer, checksum: string): string {
  const start = file.indexOf(checksum);
  const hash = createHash('sha256').update(file.subarray(0, start)).update(EMPTY);
  return hash.update(file.subarray(start + checksum.length)).digest('hex');
}

/** A safetensors file with a checksum in its metadata. */
export function withChecksum(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const file = encoded(tensors, metadata);
  file.write(digestOf(file, EMPTY), file.indexOf(EMPTY), 'latin1');
  return file;
}

/**
 * The content of a safetensors file. A file without a checksum is taken as it is: pages and version 0.1.0 write none. A file
 * that another program has rewritten in another order is valid as long as its content is the same.
 * @throws if the file is broken, or its content differs from what was written with its checksum
 */
export function readWithChecksum(file: Buffer): SafetensorsFile {
  const content = decodeSafetensors(file);
  const { tensors, metadata } = content;
  const { checksum } = metadata;
  if (checksum === undefined || digestOf(file, checksum) === checksum) return content;
  if (digestOf(encoded(tensors, metadata), EMPTY) === checksum) return content;
  throw new Error(
    'it was changed after it was written: its checksum is another; take it from a copy, or train again; or remove ' +
      '`checksum` from its metadata, if you changed the weights',
  );
}
