/** Markers (ITU-T T.81, table B.1): the second byte, after 0xFF. */
const EOI = 0xd9;
const SOS = 0xda;
const APP0 = 0xe0;
const isRestart = (marker: number) => marker >= 0xd0 && marker <= 0xd7;
/** Markers without a length and content: TEM, restarts, SOI. */
const standsAlone = (marker: number) => marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8);
/** SOF, but not DHT, JPG and DAC, which lie between them. */
const isFrame = (marker: number) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
const isProgressive = (frame: number) => (frame & 3) === 2;

/** What a walk through the markers finds. */
export interface JpegOutline {
  /** Whether there is a scan, and an end marker after it. */
  readonly ends: boolean;
  /**
   * The file up to its end marker, without small errors of the writer that decoders complain about although the picture is
   * whole: unknown revisions of JFIF, spectral selection in a sequential scan, bytes between segments.
   */
  readonly tidy: Uint8Array;
}

/** Goes through a JPEG's markers, without decoding anything. */
export function outlineJpeg(bytes: Uint8Array): JpegOutline {
  const pieces: Uint8Array[] = [bytes.subarray(0, 2)];
  let frame = 0;
  let scans = 0;
  let at = 2;
  const outline = (ends: boolean): JpegOutline => {
    const size = pieces.reduce((sum, { length }) => sum + length, 0);
    const isSame = size === bytes.length && pieces.every(({ buffer }) => buffer === bytes.buffer);
    return { ends, tidy: isSame ? bytes : Buffer.concat(pieces) };
  };
  for (;;) {
    const start = bytes.indexOf(0xff, at);
    if (start < 0) return outline(false);
    let code = start + 1;
    while (bytes[code] === 0xff) code++;
    const marker = bytes[code];
    if (marker === undefined) return outline(false);
    at = code + 1;
    if (marker === 0) continue; // a stray byte of data
    if (marker === EOI) {
      pieces.push(bytes.subarray(code - 1, at));
      return outline(scans > 0);
    }
    if (!standsAlone(marker)) {
      if (at + 2 > bytes.length) return outline(false);
      const length = (bytes[at]! << 8) | bytes[at + 1]!;
      at += length;
      if (length < 2 || at > bytes.length) return outline(false);
    }
    if (isFrame(marker)) frame = marker;
    const segment = bytes.subarray(code - 1, at);
    pieces.push(marker === SOS ? tidyScan(segment, frame) : marker === APP0 ? tidyJfif(segment) : segment);
    if (marker === SOS) {
      scans++;
      const data = at;
      at = endOfData(bytes, at);
      pieces.push(bytes.subarray(data, at));
    }
  }
}

/** Where entropy-coded data end: at a marker that is not a restart. Bytes 0xFF within them are followed by 0. */
function endOfData(bytes: Uint8Array, start: number): number {
  for (let at = start; ; at++) {
    at = bytes.indexOf(0xff, at);
    if (at < 0) return bytes.length;
    let code = at + 1;
    while (bytes[code] === 0xff) code++;
    const marker = bytes[code];
    if (marker === undefined) return bytes.length;
    if (marker !== 0 && !isRestart(marker)) return at;
    at = code;
  }
}

/** The last three bytes of a scan's header are 0, 63, 0 unless it is progressive. */
function tidyScan(segment: Uint8Array, frame: number): Uint8Array {
  const [first, last, bits] = segment.subarray(-3);
  // The shortest header has one component.
  if (segment.length < 10 || isProgressive(frame) || (first === 0 && last === 63 && bits === 0))
    return segment;
  const tidy = Uint8Array.from(segment);
  tidy.set([0, 63, 0], tidy.length - 3);
  return tidy;
}

const JFIF = [0x4a, 0x46, 0x49, 0x46, 0];

/** Revisions are 1.00 to 1.02; readers warn about any other first number. */
function tidyJfif(segment: Uint8Array): Uint8Array {
  const MAJOR = 9; // after marker, length and name
  if (!JFIF.every((byte, i) => segment[4 + i] === byte) || segment[MAJOR] === 1) return segment;
  if (segment.length < MAJOR + 2) return segment;
  const tidy = Uint8Array.from(segment);
  tidy.set([1, 1], MAJOR);
  return tidy;
}
