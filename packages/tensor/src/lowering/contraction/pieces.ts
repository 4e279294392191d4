import { type Contraction, outputsOf, product } from './task.ts';

/**
 * Multiply-adds of a launch at most. An integrated GPU does some 10¹¹ in a second, and Windows takes a GPU for hung that does
 * not come back from a launch for two.
 */
const MOST_WORK = 2 ** 37;

/** On the stack of interceptors: launches of a GPU do no more multiply-adds than this. */
export class WorkLimit {
  readonly most: number;

  constructor(most = MOST_WORK) {
    this.most = most;
  }
}

/** Tiles begin at multiples of this, also in a piece. */
const ROWS = 128;

/**
 * A contraction as several, each a launch of bounded work, which together make all of C: by rows where those are many, else by
 * the first digit of the columns (the images of a batch), else by the batch. One that has neither stays whole.
 */
export function piecesOf(task: Contraction, { most }: WorkLimit = new WorkLimit()): readonly Contraction[] {
  const { rows, columns, batch, a, b, c, phases, grid } = task;
  const count = Math.ceil((outputsOf(task) * product(task.sums)) / most);
  if (count <= 1) return [task];
  if (!phases && rows >= 2 * ROWS)
    return cut(rows, count, ROWS).map(([first, size]) => ({
      ...task,
      rows: size,
      a: { ...a, offset: a.offset + first * a.row },
      c: { ...c, offset: c.offset + first * c.row },
    }));
  if (columns[0] > 1)
    return cut(columns[0], count).map(([first, size]) => ({
      ...task,
      columns: [size, columns[1], columns[2]],
      b: { ...b, offset: b.offset + first * b.d0 },
      c: { ...c, offset: c.offset + first * c.columns[0] },
    }));
  if (!grid && batch > 1)
    return cut(batch, count).map(([first, size]) => ({
      ...task,
      batch: size,
      a: { ...a, offset: a.offset + first * a.batch },
      b: { ...b, offset: b.offset + first * b.batch },
      c: { ...c, offset: c.offset + first * c.batch },
    }));
  return [task];
}

/** An extent in about so many runs: first and size of each. */
function cut(extent: number, count: number, multiple = 1): (readonly [first: number, size: number])[] {
  const size = Math.max(multiple, Math.ceil(extent / count / multiple) * multiple);
  return Array.from({ length: Math.ceil(extent / size) }, (_, i) => [
    i * size,
    Math.min(size, extent - i * size),
  ]);
}
