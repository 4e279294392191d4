import { appendFileSync, existsSync, readFileSync, statSync, truncateSync } from 'node:fs';
import { attempt, quietly, UserError } from '../errors.ts';
import { parseObject } from '../text.ts';

/* `metrics.jsonl`: a line for each record, of which a crash can cut the last one short. */

/** One line of `metrics.jsonl`. Losses that are not finite are stored as null, since JSON has no NaN. */
export interface MetricsRecord {
  kind: 'step' | 'epoch';
  /** Optimizer steps since the beginning of the run. */
  step?: number;
  epoch?: number;
  [key: string]: unknown;
}

/** Where a run goes on. */
export interface Checkpoint {
  /** Optimizer steps up to it. */
  readonly step: number;
  /** Epochs completed by then, whose summaries stay; if not given, those of all epochs do. */
  readonly epoch?: number;
}

/** Appends one line, handed to the system at once: a killed process loses nothing that was appended. */
export function appendRecord(path: string, record: MetricsRecord): void {
  const length = existsSync(path) ? statSync(path).size : 0;
  attempt(`${path}: cannot write it`, () => {
    try {
      appendFileSync(path, `${JSON.stringify(record)}\n`);
    } catch (error) {
      quietly(() => truncateSync(path, length)); // a full disk may have taken half of the line
      throw error;
    }
  });
}

/** All records so far; a last line that a crash cut short is left out. */
export const readRecords = (path: string): MetricsRecord[] => linesOf(path).map(({ record }) => record);

/**
 * Drops what was logged after a checkpoint, so that a resumed run continues the same curves: a torn last line, and
 * everything from the first record of a later step or epoch on.
 */
export function rewindRecords(path: string, { step, epoch = Number.POSITIVE_INFINITY }: Checkpoint): void {
  if (!existsSync(path)) return;
  let end = 0;
  for (const { record, end: recordEnd } of linesOf(path)) {
    const later = (record.step ?? 0) > step || (record.kind === 'epoch' && (record.epoch ?? 0) > epoch);
    if (later) break;
    end = recordEnd;
  }
  attempt(`${path}: cannot shorten it`, () => truncateSync(path, end));
}

/** Every complete line, with the byte position of its end. */
function linesOf(path: string): { record: MetricsRecord; end: number }[] {
  if (!existsSync(path)) return [];
  const lines = attempt(`${path}: cannot read it`, () => readFileSync(path, 'utf8')).split('\n');
  lines.pop(); // what follows the last newline: nothing, or half a line
  let end = 0;
  return lines.map((line, i) => {
    const record = parseObject(line);
    const fault = record ? faultOf(record) : 'it is not a JSON object';
    if (fault) throw new UserError(`${path}: line ${i + 1}: ${fault}; remove the line to go on`);
    end += Buffer.byteLength(line) + 1;
    return { record: record as MetricsRecord, end };
  });
}

/** What makes a line of `metrics.jsonl` invalid: curves, figures and `--resume` depend on these. */
function faultOf(record: Record<string, unknown>): string | undefined {
  if (typeof record.kind !== 'string') return 'it has no kind';
  const isCount = (value: unknown) =>
    value === undefined || (Number.isSafeInteger(value) && Number(value) >= 0);
  for (const name of ['step', 'epoch']) if (!isCount(record[name])) return `${name} is not a whole number`;
  for (const name of ['train', 'test', 'nats']) {
    const values = record[name];
    if (values !== undefined && !areNumbers(values)) return `${name} does not hold numbers`;
  }
  return undefined;
}

/** Whether something is an object of numbers, or of nulls, which stand for numbers that JSON does not have. */
const areNumbers = (values: unknown): boolean =>
  typeof values === 'object' &&
  values !== null &&
  Object.values(values).every((value) => value === null || typeof value === 'number');
