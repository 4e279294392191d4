import { excerpt } from '@tapegrad/tensor';
import { inflateSync } from 'fflate';

/*
 * Reading untrusted zip archives: strictly, by the central directory, in time and memory bounded by the file's size.
 * Format: PKWARE's APPNOTE.TXT, 4.3. It works on bytes alone, so it runs in a browser too.
 */

const END = 0x06054b50;
const ENTRY = 0x02014b50;
const LOCAL = 0x04034b50;
const END_BYTES = 22;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
/** A comment of at most this many bytes follows the end of the directory. */
const LONGEST_COMMENT = 0xffff;
/** Bytes that all entries together may be unpacked to, for each byte of the file. Weights hardly compress at all. */
const MOST_EXPANSION = 20;

const zip64 = () => new Error('a zip64 file (over 2 GB, or over 65,534 entries), which is not read');
const broken = (what: string) => new Error(`not a whole zip file (${what}): truncated?`);

/**
 * The files of a zip archive, by name. Stored ones are views of `file`, compressed ones are unpacked.
 * @throws one line if the archive is broken, truncated, encrypted, of zip64, or unpacks to more than 20 times its size
 */
export function readZip(file: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const end = endOfDirectory(view);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  if (count === 0xffff || at === 0xffffffff) throw zip64();
  const files = new Map<string, Uint8Array>();
  let unpacked = 0;
  for (let i = 0; i < count; i++) {
    if (at + ENTRY_BYTES > end || view.getUint32(at, true) !== ENTRY)
      throw broken('its directory is damaged');
    const [flags, method] = [view.getUint16(at + 8, true), view.getUint16(at + 10, true)];
    const [crc, packed, size] = [16, 20, 24].map((o) => view.getUint32(at + o, true)) as [
      number,
      number,
      number,
    ];
    const [nameLength, extra, comment] = [28, 30, 32].map((o) => view.getUint16(at + o, true)) as [
      number,
      number,
      number,
    ];
    const local = view.getUint32(at + 42, true);
    if ([packed, size, local].includes(0xffffffff)) throw zip64();
    const name = nameOf(file.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameLength));
    at += ENTRY_BYTES + nameLength + extra + comment;
    if (at > end) throw broken('its directory is damaged');
    if (files.has(name)) throw new Error(`a zip file with two entries ${excerpt(name)}: which is meant?`);
    unpacked += size;
    if (unpacked > MOST_EXPANSION * file.length)
      throw new Error('a zip file that unpacks to far more than its size');
    if (flags & 1) throw new Error('an encrypted zip file is not read');
    if (local + LOCAL_BYTES > end || view.getUint32(local, true) !== LOCAL)
      throw broken(`${excerpt(name)} is not where it is said to be`);
    const start = local + LOCAL_BYTES + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    if (start + packed > end) throw broken(`${excerpt(name)} ends beyond the file`);
    const data = contentOf(name, file.subarray(start, start + packed), method, size);
    if (data.length !== size || crc32(data) !== crc) throw broken(`${excerpt(name)} is damaged`);
    files.set(name, data);
  }
  return files;
}

function endOfDirectory(view: DataView): number {
  const last = view.byteLength - END_BYTES;
  for (let at = last; at >= Math.max(0, last - LONGEST_COMMENT); at--) {
    if (view.getUint32(at, true) === END) return at;
  }
  throw broken('it has no directory');
}

function nameOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw broken('a name in its directory is no text');
  }
}

function contentOf(name: string, packed: Uint8Array, method: number, size: number): Uint8Array {
  if (method === 0) return packed;
  if (method !== 8)
    throw new Error(`a zip file whose ${excerpt(name)} is packed by method ${method}, which is not read`);
  try {
    // One byte more, to detect an entry that is longer than it says.
    return inflateSync(packed, { out: new Uint8Array(size + 1) });
  } catch {
    throw broken(`${excerpt(name)} cannot be unpacked`);
  }
}

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? (byte >>> 1) ^ 0xedb88320 : byte >>> 1;
  return byte;
});

/** The checksum of zip and PNG (ISO 3309). */
function crc32(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < data.length; i++) crc = crcTable[(crc ^ data[i]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}
