import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { attempt, reasonOf, UserError } from '../errors.ts';

/** The content of one IDX file of unsigned bytes. */
export interface IdxFile {
  /** Extents, outermost first: [count] for labels, [count, height, width] for images. */
  shape: readonly number[];
  /** Row-major, as many bytes as the shape says. */
  data: Uint8Array;
  /** SHA-256 of the uncompressed file, hexadecimal: the same whether or not the file is gzipped. */
  sha256: string;
}

const uint8Type = 0x08;

/**
 * Reads an IDX file of unsigned bytes, gzipped or not (which its content tells, not its name).
 * Format: two zero bytes, the element type, the rank, the extents as big-endian uint32, the values.
 *
 * @param rank the rank that the caller can use; a file of another is refused
 * @param checksum the SHA-256 that the uncompressed file must have
 * @throws UserError naming the file if it is missing, truncated, not an IDX file, or not the one expected
 */
export function readIdx(
  path: string,
  { rank, checksum }: { rank?: number; checksum?: string } = {},
): IdxFile {
  const bytes = unzip(
    path,
    attempt(`${path}: cannot read it`, () => readFileSync(path)),
  );
  const refuse = (what: string): never => {
    throw new UserError(`${path}: ${what}`);
  };

  if (bytes.length < 4)
    refuse(`truncated: ${bytes.length} bytes, an IDX header takes at least 4; get the file again`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const magic = view.getUint32(0);
  const fileRank = magic & 0xff;
  if (magic >>> 8 !== uint8Type || (rank !== undefined && fileRank !== rank)) {
    const expected =
      rank === undefined ? '0x000008 and a rank' : `${hex((uint8Type << 8) | rank)} (${kindOf(rank)})`;
    refuse(`wrong magic number: expected ${expected}, found ${hex(magic)}${whatInstead(bytes)}`);
  }
  const headerLength = 4 + 4 * fileRank;
  if (bytes.length < headerLength) {
    refuse(`truncated: ${bytes.length} bytes, its header takes ${headerLength}; get the file again`);
  }
  const shape = Array.from({ length: fileRank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const expected = shape.reduce((product, extent) => product * extent, 1);
  const data = bytes.subarray(headerLength);
  if (data.length !== expected) {
    const fault = data.length < expected ? 'truncated' : 'too long';
    refuse(
      `${fault}: its header says ${shape.join('x')} = ${expected} bytes, found ${data.length}; get the file again`,
    );
  }

  const sha256 = createHash('sha256').update(bytes).digest('hex');
  if (checksum !== undefined && sha256 !== checksum) {
    refuse(
      `wrong checksum: expected SHA-256 ${checksum}, found ${sha256}; the file was changed: get it again`,
    );
  }
  return { shape, data, sha256 };
}

function unzip(path: string, bytes: Uint8Array): Uint8Array {
  const gzipped = bytes[0] === 0x1f && bytes[1] === 0x8b;
  if (!gzipped) return bytes;
  try {
    return gunzipSync(bytes);
  } catch (error) {
    const truncated = (error as NodeJS.ErrnoException).code === 'Z_BUF_ERROR';
    const fault = truncated
      ? `truncated: the gzip data ends early, at ${bytes.length} bytes`
      : `broken gzip: ${reasonOf(error)}`;
    throw new UserError(`${path}: ${fault}; get the file again`);
  }
}

/** What a failed download may contain instead, and what to do. */
function whatInstead(bytes: Uint8Array): string {
  const begin = Buffer.from(bytes.subarray(0, 300)).toString('latin1').trimStart().toLowerCase();
  if (begin.startsWith('<!doctype') || begin.startsWith('<html'))
    return ': it is a page of the web, the answer of a server that has moved the file, say; get it elsewhere';
  return begin.startsWith('pk\x03\x04')
    ? ': it is a zip archive; unpack it'
    : '; it is another file, or a broken one: get it again';
}

const hex = (magic: number): string => `0x${magic.toString(16).padStart(8, '0')}`;

const kindOf = (rank: number): string =>
  rank === 1 ? 'labels' : rank === 3 ? 'images' : `unsigned bytes of rank ${rank}`;
