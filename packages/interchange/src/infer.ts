import { Generator, type Shape } from '@tapegrad/tensor';
import {
  type ImageShape,
  type ModelOptions,
  type ModelSpec,
  modelOptions,
  optionValues,
  settingsOf,
} from '@tapegrad/vae';
import { TracingDevice } from './trace.ts';

type Shapes = ReadonlyMap<string, Shape>;
type Chosen = Partial<ModelOptions>;

/** The largest value tried for options that decide the number of layers, such as the levels. */
const MOST_PARTS = 8;

/**
 * The options of a model that its weights' shapes reveal: sizes (`latent`, `hidden` …), and choices that bring
 * parameters of their own (`network` …). No model is described here. Instead, the model is built with different values of
 * each option, without memory or adapter, to see what they change. If nothing fits, the closest options are returned, and
 * loading says what differs.
 * @param chosen options that are already known
 */
export function inferOptions(
  spec: ModelSpec,
  imageShape: ImageShape,
  weights: Shapes,
  chosen: Chosen,
): Chosen {
  const shapesOf = (options: Chosen) => builtShapes(spec, imageShape, { ...chosen, ...options });
  const open = (Object.keys(spec.defaults) as (keyof ModelOptions)[]).filter(
    (name) => name in modelOptions && chosen[name] === undefined,
  );
  const structure = combinations(structural(open, spec, shapesOf)).find((options) => {
    const shapes = shapesOf(options);
    return shapes && sameNames(shapes, weights);
  });
  const sizes = open.filter((name) => modelOptions[name].kind === 'whole' && !(name in (structure ?? {})));
  return {
    ...structure,
    ...solveSizes(sizes, weights, spec, (options) => shapesOf({ ...structure, ...options })),
  };
}

type ShapesOf = (options: Chosen) => Shapes | undefined;

/** The values worth trying for each option that adds or removes parameters; the default comes first. */
function structural(
  open: readonly (keyof ModelOptions)[],
  { defaults }: ModelSpec,
  shapesOf: ShapesOf,
): [keyof ModelOptions, readonly (string | number)[]][] {
  const base = shapesOf({});
  return open.flatMap((name): [keyof ModelOptions, readonly (string | number)[]][] => {
    const option = modelOptions[name];
    if (option.kind === 'real') return [];
    const value = defaults[name] ?? option.value;
    const all =
      option.kind === 'choice'
        ? option.choices
        : Array.from({ length: MOST_PARTS }, (_, i) => option.least + i);
    const others = all.filter((other) => other !== value);
    const probes = option.kind === 'choice' ? others : others.slice(0, 2);
    const matters = probes.some((other) => {
      const shapes = shapesOf({ [name]: other });
      return base && shapes && !sameNames(base, shapes);
    });
    return matters ? [[name, [value, ...others]]] : [];
  });
}

/** Every combination of values, starting with the first of each. */
const combinations = (options: readonly [keyof ModelOptions, readonly (string | number)[]][]): Chosen[] =>
  options.reduce<Chosen[]>(
    (all, [name, values]) => values.flatMap((value) => all.map((chosen) => ({ ...chosen, [name]: value }))),
    [{}],
  );

/**
 * Solves for sizes from the extents that they change. An extent is assumed to be a·size + b, with a and b found from two
 * sizes. It takes several passes, since one size may decide how another matters.
 */
function solveSizes(
  names: readonly (keyof ModelOptions)[],
  weights: Shapes,
  { defaults }: ModelSpec,
  shapesOf: ShapesOf,
): Chosen {
  let sizes: Chosen = {};
  for (let round = 0; round < 3; round++) {
    for (const name of names) {
      const { least } = modelOptions[name] as { least: number };
      const value = (sizes[name] ?? defaults[name] ?? optionValues[name]) as number;
      const [base, probe] = [shapesOf(sizes), shapesOf({ ...sizes, [name]: value + 1 })];
      const solved = base && probe && solve(base, probe, weights, value);
      if (solved !== undefined && Number.isInteger(solved) && solved >= least)
        sizes = { ...sizes, [name]: solved };
    }
  }
  return sizes;
}

/** The size at which an extent that depends on it equals that of the weights. */
function solve(base: Shapes, probe: Shapes, weights: Shapes, value: number): number | undefined {
  for (const [name, shape] of base) {
    const [changed, wanted] = [probe.get(name), weights.get(name)];
    if (!changed || wanted?.length !== shape.length) continue;
    const axis = shape.findIndex((extent, k) => extent !== changed[k]);
    if (axis >= 0) return value + (wanted[axis]! - shape[axis]!) / (changed[axis]! - shape[axis]!);
  }
  return undefined;
}

const sameNames = (a: Shapes, b: Shapes) => a.size === b.size && [...a.keys()].every((name) => b.has(name));

/** The shapes of a model's weights, or undefined if its options do not go together. */
function builtShapes(spec: ModelSpec, imageShape: ImageShape, options: Chosen): Shapes | undefined {
  try {
    const generator = new Generator(0, { device: new TracingDevice() });
    const state = spec.build(imageShape, settingsOf(spec, options), generator).stateDict();
    return new Map([...state].map(([name, { shape }]) => [name, shape]));
  } catch {
    return undefined;
  }
}
