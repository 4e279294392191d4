/** Lowest and highest value that an axis shows. */
export type Range = readonly [low: number, high: number];

export interface Tick {
  value: number;
  text: string;
}

/** Round values within a range, about `most` of them: steps of 1, 2 or 5 times a power of ten. */
export function ticks([low, high]: Range, most: number): Tick[] {
  const rough = (high - low) / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= rough) ?? 10);
  const decimals = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const result: Tick[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) {
    const value = i * step;
    const long = step >= 1e5 || decimals > 4;
    result.push({ value, text: long ? shortExponent(value) : value.toFixed(decimals).replace('-', '−') });
  }
  return result;
}

const shortExponent = (value: number): string =>
  value === 0 ? '0' : Number(value.toPrecision(3)).toExponential().replace('e+', 'e').replaceAll('-', '−');

/**
 * The range of finite values, with a share of it as room on both sides. Values that are all the same, or too close for
 * ticks to tell apart, get a tenth of their size around them; no values at all get the unit range.
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

/** Widens the narrower range about its middle, so that both are equally long. */
export function sameSpan(x: Range, y: Range): [Range, Range] {
  const span = Math.max(x[1] - x[0], y[1] - y[0]);
  const widened = ([low, high]: Range): Range => {
    const middle = (low + high) / 2;
    return [middle - span / 2, middle + span / 2];
  };
  return [widened(x), widened(y)];
}
