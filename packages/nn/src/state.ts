import {
  assertStorable,
  assign,
  checkOptions,
  described,
  excerpt,
  isFloat,
  type NumericArray,
  type Shape,
  sameShape,
  show,
  Tensor,
  writeTo,
} from '@tapegrad/tensor';

/** Values for a tensor: another tensor on the same device, or an array such as a safetensors file has. */
export type TensorSource =
  | Tensor
  | { readonly shape: Shape; readonly data: NumericArray | ArrayLike<number> | ArrayLike<bigint> };

/** Options of loading. */
export interface LoadOptions {
  /** Whether missing and unexpected names are an error (default true). Another shape always is. */
  strict?: boolean;
}

/** Names that only one side has: what loading with `{ strict: false }` leaves to the caller. */
export interface LoadReport {
  /** Names of the module that the state did not have. */
  missing: string[];
  /** Names of the state that the module did not have. */
  unexpected: string[];
}

/**
 * Writes `sources` into the tensors of the same names. Everything is checked first: if anything is wrong, nothing is
 * written.
 * @throws one line that opens with `what` and lists the `misfits`
 */
export function loadTensors(
  what: string,
  targets: ReadonlyMap<string, Tensor>,
  sources: ReadonlyMap<string, TensorSource>,
  options: LoadOptions = {},
): LoadReport {
  if (!(sources instanceof Map)) {
    const got = described(sources);
    throw new Error(`${what}: expects a Map from names to tensors, such as a stateDict(), got ${got}`);
  }
  checkOptions(what, options, ['strict'], ['strict']);
  for (const [name, source] of sources) {
    if (source instanceof Tensor || (Array.isArray(source?.shape) && source.data?.length !== undefined))
      continue;
    const got = described(source);
    throw new Error(`${what}: ${excerpt(name)} is a tensor, or { shape, data }, got ${got}`);
  }
  const wrong = misfits(targets, sources, options);
  if (wrong) throw new Error(`${what}: the tensors do not fit, nothing was loaded: ${wrong}`);
  const pairs = [...targets].flatMap(([name, target]) => {
    const source = sources.get(name);
    return source ? [{ name, target, source }] : [];
  });
  for (const { name, target, source } of pairs) check(what, name, target, source);
  for (const { target, source } of pairs) write(target, source);
  return namesApart(targets, sources);
}

const namesApart = (targets: ReadonlyMap<string, unknown>, sources: ReadonlyMap<string, unknown>) => ({
  missing: [...targets.keys()].filter((name) => !sources.has(name)),
  unexpected: [...sources.keys()].filter((name) => !targets.has(name)),
});

type Shapes = ReadonlyMap<string, { readonly shape: Shape }>;

/**
 * How names and shapes differ, in one line that counts what is missing, unexpected and of another shape and names the
 * first of each: `1 missing (fc3.bias [2]); 1 of another shape (fc4.bias is [783], expected [784])`. Empty if nothing
 * does.
 */
export function misfits(targets: Shapes, sources: Shapes, { strict = true }: LoadOptions = {}): string {
  const { missing, unexpected } = namesApart(targets, sources);
  const misshapen = [...targets].flatMap(([name, { shape }]) => {
    const found = sources.get(name)?.shape;
    return !found || sameShape(found, shape) ? [] : [`${name} is ${show(found)}, expected ${show(shape)}`];
  });
  const withShapes = (names: readonly string[], tensors: Shapes) =>
    strict ? names.map((name) => `${excerpt(name)} ${show(tensors.get(name)!.shape)}`) : [];
  return [
    summary('missing', withShapes(missing, targets)),
    summary('unexpected', withShapes(unexpected, sources)),
    summary('of another shape', misshapen),
  ]
    .filter(Boolean)
    .join('; ');
}

/** How many tensors of each kind are named. */
const NAMED = 4;

function summary(problem: string, tensors: readonly string[]): string {
  if (tensors.length === 0) return '';
  const named = tensors.slice(0, NAMED).join('; ');
  const more = tensors.length > NAMED ? `; and ${tensors.length - NAMED} more` : '';
  return `${tensors.length} ${problem} (${named}${more})`;
}

/** What would make `write` fail halfway. */
function check(what: string, name: string, target: Tensor, source: TensorSource): void {
  if (source instanceof Tensor) {
    if (source.device !== target.device || source.dtype !== target.dtype) {
      throw new Error(
        `${what}: ${name} is ${source.dtype} on ${source.device.name}, expected ${target.dtype} on ` +
          `${target.device.name}; read it with data() first`,
      );
    }
  } else if (source.data.length !== target.size) {
    throw new Error(`${what}: ${name}: ${source.data.length} values do not fill shape ${show(target.shape)}`);
  } else if (!isFloat(target.dtype)) {
    assertStorable(`${what}: ${name}`, Float64Array.from(source.data, Number), target.dtype);
  }
}

function write(target: Tensor, source: TensorSource): void {
  if (target.size === 0) return;
  if (source instanceof Tensor) assign(target, source);
  else writeTo(target, Float64Array.from(source.data, Number));
}
