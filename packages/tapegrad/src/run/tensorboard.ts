import {
  appendFileSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  bytes,
  double,
  doubles,
  type Encoded,
  float,
  integer,
  message,
  text,
} from '@tapegrad/interchange/protobuf';
import { attempt } from '../errors.ts';

/*
 * Event files for TensorBoard: records framed as TFRecord, each an `Event` message of TensorFlow's event.proto with a
 * `Summary` of summary.proto. The field numbers below are theirs.
 * Framing: https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
 */

// --------------------------------------------------------------------------------------------------------- records

const crcTable = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  return crc;
});

/** CRC-32C (Castagnoli), as in RFC 3720, appendix B.4. */
export function crc32c(data: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of data) crc = (crc >>> 8) ^ crcTable[(crc ^ byte) & 255]!;
  return ~crc >>> 0;
}

/** TFRecord stores checksums rotated and shifted, since the CRC of data that contains its own CRC is meaningless. */
const masked = (data: Uint8Array): number => {
  const crc = crc32c(data);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
};

const HEADER = 12;
const FOOTER = 4;

/** The length (64 bits) and its checksum, then the data and theirs. */
function framed(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(HEADER + data.length + FOOTER);
  const view = new DataView(record.buffer);
  view.setUint32(0, data.length, true);
  view.setUint32(8, masked(record.subarray(0, 8)), true);
  record.set(data, HEADER);
  view.setUint32(HEADER + data.length, masked(data), true);
  return record;
}

/** The records of a file with the position of each one's end, up to the first that is cut short or damaged. */
function* records(file: Uint8Array): Iterable<{ data: Uint8Array; end: number }> {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  let at = 0;
  while (at + HEADER + FOOTER <= file.length) {
    const length = Number(view.getBigUint64(at, true));
    const end = at + HEADER + length + FOOTER;
    if (view.getUint32(at + 8, true) !== masked(file.subarray(at, at + 8)) || end > file.length) return;
    const data = file.subarray(at + HEADER, at + HEADER + length);
    if (view.getUint32(end - FOOTER, true) !== masked(data)) return;
    yield { data, end };
    at = end;
  }
}

// ---------------------------------------------------------------------------------------------------------- events

const EVENT = { wallTime: 1, step: 2, fileVersion: 3, summary: 5, sessionLog: 7 } as const;
const VALUE = { tag: 1, simpleValue: 2, image: 4, histogram: 5 } as const;
const SESSION_START = 1;

const event = (step: number, content: Encoded): Encoded =>
  message(double(EVENT.wallTime, Date.now() / 1000), integer(EVENT.step, step), content);

const summary = (values: readonly Encoded[]): Encoded =>
  bytes(EVENT.summary, message(...values.map((value) => bytes(1, value))));

/** The step of an event that `event` has made: it follows the time, which takes nine bytes. */
function stepOf(data: Uint8Array): number {
  const WALL_TIME = 9;
  if (data[WALL_TIME] !== EVENT.step * 8) return 0;
  let step = 0;
  for (let i = WALL_TIME + 1, scale = 1; i < data.length; i++, scale *= 128) {
    step += (data[i]! & 127) * scale;
    if (data[i]! < 128) break;
  }
  return step;
}

const BINS = 30;

/** A HistogramProto: thirty equally wide bins between the smallest and the largest value. */
function histogram(values: ArrayLike<number>): Encoded {
  let [least, greatest, sum, squares] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
    squares += value * value;
  }
  const bins = least === greatest ? 1 : BINS;
  const counts = new Array<number>(bins).fill(0);
  const scale = bins === 1 ? 0 : bins / (greatest - least);
  for (let i = 0; i < values.length; i++)
    counts[Math.min(bins - 1, Math.floor((values[i]! - least) * scale))]!++;
  const limits = counts.map((_, bin) => least + ((bin + 1) * (greatest - least)) / bins);
  return message(
    double(1, least),
    double(2, greatest),
    double(3, values.length),
    double(4, sum),
    double(5, squares),
    doubles(6, limits),
    doubles(7, counts),
  );
}

// ------------------------------------------------------------------------------------------------------------ files

const PREFIX = 'events.out.tfevents.';

/** The names of a folder's event files, the oldest first. */
export const eventFiles = (folder: string): string[] =>
  attempt(`${folder}: cannot read it`, () => readdirSync(folder))
    .filter((name) => name.startsWith(PREFIX))
    .sort();

/** Removes later steps, and records that a crash cut short, from a folder's event files. */
export function rewindEvents(folder: string, step: number): void {
  for (const name of eventFiles(folder)) rewind(join(folder, name), step);
}

/**
 * Writes a run's event file for TensorBoard. Each call of `scalars`, `image` and `histograms` appends one record,
 * which is handed to the system at once. Throws a UserError of one line if the disk refuses; the file then ends with
 * the previous record.
 */
export class EventLog {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  /**
   * Begins a new file in `folder`. Later steps in earlier files are removed first, and so are records that a crash
   * cut short, so that a resumed run continues the same curves. A TensorBoard that is watching has already read those
   * steps; the start event of the new file makes it forget them.
   * @param step optimizer steps done so far
   */
  static open(folder: string, step: number): EventLog {
    rewindEvents(folder, step);
    // Readers take the files in the order of their names.
    const last = Number(eventFiles(folder).at(-1)?.slice(PREFIX.length).split('.')[0] ?? 0);
    const seconds = Math.max(Math.floor(Date.now() / 1000), last + 1);
    const path = join(folder, `${PREFIX}${String(seconds).padStart(10, '0')}.tapegrad`);
    const start = bytes(EVENT.sessionLog, integer(1, SESSION_START));
    const head = [
      event(0, text(EVENT.fileVersion, 'brain.Event:2')),
      ...(step > 0 ? [event(step + 1, start)] : []),
    ];
    attempt(`${path}: cannot write it`, () => {
      try {
        writeFileSync(path, message(...head.map(framed)));
      } catch (error) {
        rmSync(path, { force: true });
        throw error;
      }
    });
    return new EventLog(path);
  }

  scalars(step: number, values: Readonly<Record<string, number>>): void {
    const encoded = Object.entries(values).map(([tag, value]) =>
      message(text(VALUE.tag, tag), float(VALUE.simpleValue, value)),
    );
    this.#append(event(step, summary(encoded)));
  }

  /** @param png an encoded picture */
  image(step: number, tag: string, png: Uint8Array, size: { width: number; height: number }): void {
    const picture = message(integer(1, size.height), integer(2, size.width), integer(3, 3), bytes(4, png));
    this.#append(event(step, summary([message(text(VALUE.tag, tag), bytes(VALUE.image, picture))])));
  }

  /** Leaves out lists that are empty or have values that are not finite. */
  histograms(step: number, values: ReadonlyMap<string, ArrayLike<number>>): void {
    const encoded = [...values]
      .filter(([, list]) => list.length > 0 && Array.prototype.every.call(list, Number.isFinite))
      .map(([tag, list]) => message(text(VALUE.tag, tag), bytes(VALUE.histogram, histogram(list))));
    this.#append(event(step, summary(encoded)));
  }

  #append(data: Encoded): void {
    const length = statSync(this.path).size;
    attempt(`${this.path}: cannot write it`, () => {
      try {
        appendFileSync(this.path, framed(data));
      } catch (error) {
        cutBack(this.path, length); // a full disk may have taken half of the record
        throw error;
      }
    });
  }
}

/** For cleaning up after a failure, which must not hide that failure. */
function cutBack(path: string, length: number): void {
  try {
    truncateSync(path, length);
  } catch {}
}

/** Cuts a file before its first record of a later step. */
function rewind(path: string, step: number): void {
  attempt(`${path}: cannot shorten it`, () => {
    let end = 0;
    for (const record of records(readFileSync(path))) {
      if (stepOf(record.data) > step) break;
      end = record.end;
    }
    if (end < statSync(path).size) truncateSync(path, end);
  });
}
