import { createHash } from 'node:crypto';

/*
 * A file that holds the SHA-256 of its bytes, those of the checksum itself taken as zeros. A number that a disk or a copy has
 * changed is a number all the same: nothing else would tell.
 */

const EMPTY = '0'.repeat(64);

/** SHA-256 of a file with zeros where its checksum stands first. */
function digestOf(file: Buffer, checksum: string): string {
  const start = file.indexOf(checksum);
  const hash = createHash('sha256').update(file.subarray(0, start)).update(EMPTY);
  return hash.update(file.subarray(start + checksum.length)).digest('hex');
}

/**
 * The file that `make` returns, with its checksum.
 * @param make writes what it is given where the checksum shall stand, and nothing like it before
 */
export function withChecksum(make: (checksum: string) => Uint8Array): Uint8Array {
  const { buffer, byteOffset, length } = make(EMPTY);
  const file = Buffer.from(buffer, byteOffset, length);
  file.write(digestOf(file, EMPTY), file.indexOf(EMPTY), 'latin1');
  return file;
}

/** @throws if the file has other bytes than were written with this checksum */
export function assertChecksum(file: Buffer, checksum: string): void {
  if (digestOf(file, checksum) !== checksum)
    throw new Error(
      'it was changed after it was written: its checksum is another; take it from a copy, or train again',
    );
}
