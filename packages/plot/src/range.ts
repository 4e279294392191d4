/** Lowest and highest value that an axis shows. */
export type Range = readonly [low: number, high: number];

/**
 * The range of finite values, with some of its length as a margin on both sides. Values that are all the same, or too close
 * for ticks to tell apart, get a tenth of their size around them. Without values it is the unit range.
 */
export function rangeOf(values: Iterable<number>, room = 0.05): Range {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return [0, 1];
  const size = Math.max(Math.abs(low), Math.abs(high));
  const around = high - low > 1e-6 * size ? room * (high - low) : size / 10 || 0.5;
  return [low - around, high + around];
}

/** The part of a plane that is shown, and the shape of the area that shows it. */
export interface Frame {
  readonly x: Range;
  readonly y: Range;
  /** Width of the area over its height. */
  readonly aspect: number;
  /** Whether a unit is as long upwards as to the right. */
  readonly sameScale: boolean;
}

/** The flattest area, and the inverse of the steepest. */
const MOST_ASPECT = 2;
/** With one scale, the area may be at most this much longer than its points; otherwise there are two scales. */
const MOST_EMPTY = 1.5;

/**
 * An area that points fill. With `sameUnits` a unit is equally long along both axes, and the area takes its shape from the
 * points. Where that would give a strip, or leave much of the area empty, each axis has its own scale.
 */
export function framed(x: Range, y: Range, sameUnits: boolean): Frame {
  const [wide, high] = [x[1] - x[0], y[1] - y[0]];
  const own = wide / high;
  if (!sameUnits || own > MOST_ASPECT * MOST_EMPTY || own < 1 / (MOST_ASPECT * MOST_EMPTY))
    return { x, y, aspect: 1, sameScale: false };
  const aspect = Math.min(MOST_ASPECT, Math.max(1 / MOST_ASPECT, own));
  return {
    x: widened(x, high * aspect),
    y: widened(y, wide / aspect),
    aspect,
    sameScale: true,
  };
}

/** A range about the same middle that is at least `span` long. */
function widened([low, high]: Range, span: number): Range {
  if (high - low >= span) return [low, high];
  const middle = (low + high) / 2;
  return [middle - span / 2, middle + span / 2];
}
