import { faultOf, flagOf, type Option } from '@tapegrad/vae';
import { UserError } from '../errors.ts';

/** An option and the values it takes in the grid. */
export interface Axis {
  readonly option: string;
  readonly values: readonly (string | number)[];
}

/** One combination of values: a run. */
export interface Point {
  /** From 0, in the order of the grid: the last axis changes fastest. */
  readonly index: number;
  /** The run's folder: `beta=0.1,latent=2,seed=0`. */
  readonly name: string;
  readonly values: Readonly<Record<string, string | number>>;
}

/** A limit, since a typing error in one axis easily makes a million runs. */
const MOST_POINTS = 10_000;
/** The longest name that file systems take, minus room for endings. */
const LONGEST_NAME = 200;

/**
 * The values of `--option 0.1,1,4` or, for whole numbers, `0..4` (both ends included), and mixtures.
 * @throws UserError about a value that is empty, out of range, not one of the choices, or given twice
 */
export function parseValues(name: string, option: Option, text: string): (string | number)[] {
  const flag = `--${flagOf(name)}`;
  const values = text.split(',').flatMap((part) => {
    const item = part.trim();
    if (item === '')
      throw new UserError(`${flag} '${text}': an empty value; give a list such as ${example(option)}`);
    if (option.kind === 'real' && item.includes('..'))
      throw new UserError(`${flag} '${text}': ranges are for whole numbers; give a list such as 0.1,1,4`);
    const range = option.kind === 'whole' ? /^(-?\d+)\.\.(-?\d+)$/.exec(item) : null;
    if (!range) {
      if (option.kind === 'whole' && item.includes('..'))
        throw new UserError(`${flag} '${text}': '${item}' is not a range; write one as 0..4`);
      return [checked(flag, option, option.kind === 'choice' ? item : Number(item), item)];
    }
    const [from, to] = [Number(range[1]), Number(range[2])];
    if (from > to)
      throw new UserError(`${flag} '${text}': the range ${item} goes down; write ${to}..${from}`);
    if (to - from >= MOST_POINTS)
      throw new UserError(
        `${flag} '${text}': ${to - from + 1} values; a sweep has ${MOST_POINTS} runs at most`,
      );
    return Array.from({ length: to - from + 1 }, (_, i) => checked(flag, option, from + i, item));
  });
  const twice = values.find((value, i) => values.indexOf(value) < i);
  if (twice !== undefined) throw new UserError(`${flag} '${text}': ${twice} is given twice`);
  return values;
}

function checked(flag: string, option: Option, value: string | number, item: string): string | number {
  const fault = faultOf(option, value);
  if (fault) throw new UserError(`${flag}: '${item}' is not ${fault}`);
  return value;
}

const example = (option: Option) =>
  option.kind === 'choice'
    ? option.choices.join(',')
    : option.kind === 'whole'
      ? '0..4 or 2,5,10'
      : '0.1,1,4';

/** All points of the grid. */
export function gridPoints(axes: readonly Axis[]): Point[] {
  const count = axes.reduce((product, { values }) => product * values.length, 1);
  if (count > MOST_POINTS) {
    const sizes = axes.map(({ option, values }) => `${values.length} of --${flagOf(option)}`).join(' x ');
    throw new UserError(`${count} runs (${sizes}); a sweep has ${MOST_POINTS} at most`);
  }
  const points = axes.reduce<Record<string, string | number>[]>(
    (all, { option, values }) =>
      all.flatMap((point) => values.map((value) => ({ ...point, [option]: value }))),
    [{}],
  );
  return points.map((values, index) => ({ index, values, name: nameOf(values) }));
}

function nameOf(values: Point['values']): string {
  const name = Object.entries(values)
    .map(([option, value]) => `${flagOf(option)}=${value}`)
    .join(',');
  if (name.length > LONGEST_NAME)
    throw new UserError(`${name}: too long for a folder's name; sweep over fewer options at once`);
  return name;
}

/** The points of one task of several: every `of`-th, from the `task`-th on, counted from 0. */
export function pointsOfTask(points: readonly Point[], { task, of }: { task: number; of: number }): Point[] {
  if (task >= of) throw new UserError(`--task ${task} --of ${of}: tasks are counted from 0 to ${of - 1}`);
  return points.filter(({ index }) => index % of === task);
}
