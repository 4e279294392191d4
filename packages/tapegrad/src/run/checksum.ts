import { createHash } from 'node:crypto';
import {
  decodeSafetensors,
  encodeSafetensors,
  type SafetensorsEntry,
  type SafetensorsFile,
} from '@tapegrad/nn';

/*
 * Files of safetensors that hold the SHA-256 of their bytes, those of the checksum itself taken as zeros. A number that a disk or a copy has
 * changed is a number all the same: nothing else would tell.
 */

const EMPTY = '0'.repeat(64);

/** SHA-256 of a file with zeros where its checksum stands first. */
function digestOf(file: Buffer, checksum: string): string {
  const start = file.indexOf(checksum);
  const hash = createHash('sha256').update(file.subarray(0, start)).update(EMPTY);
  return hash.update(file.subarray(start + checksum.length)).digest('hex');
}

/** A file of safetensors with a checksum in its metadata. */
export function withChecksum(
  tensors: ReadonlyMap<string, SafetensorsEntry>,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const { buffer, byteOffset, length } = encodeSafetensors(tensors, { checksum: EMPTY, ...metadata });
  const file = Buffer.from(buffer, byteOffset, length);
  file.write(digestOf(file, EMPTY), file.indexOf(EMPTY), 'latin1');
  return file;
}

/**
 * What a file of safetensors holds. Others write no checksum: pages, version 0.1.0, and whoever edits weights.
 * @throws if the file is broken, or has other bytes than were written with its checksum
 */
export function readWithChecksum(file: Buffer): SafetensorsFile {
  const content = decodeSafetensors(file);
  const { checksum } = content.metadata;
  if (checksum !== undefined && digestOf(file, checksum) !== checksum)
    throw new Error(
      'it was changed after it was written: its checksum is another; take it from a copy, or train again',
    );
  return content;
}
