import { assign, type NumericArray, type Shape, sameShape, show, Tensor } from '@tapegrad/tensor';

/** Values for a tensor: another tensor on the same device, or an array, such as a safetensors file's. */
export type TensorSource =
  | Tensor
  | { readonly shape: Shape; readonly data: NumericArray | ArrayLike<number> | ArrayLike<bigint> };

export interface LoadOptions {
  /** Whether names that are missing or unexpected are an error. Another shape always is. */
  strict?: boolean;
}

/** Names that were not there on either side, for those who load with `{ strict: false }`. */
export interface LoadReport {
  missing: string[];
  unexpected: string[];
}

/**
 * Writes `sources` into the tensors of the same names. Everything is checked first: if anything is wrong, nothing is
 * written.
 * @throws an error whose first line counts what is wrong and whose further lines name it all; it opens with `what`.
 */
export function loadTensors(
  what: string,
  targets: ReadonlyMap<string, Tensor>,
  sources: ReadonlyMap<string, TensorSource>,
  { strict = true }: LoadOptions = {},
): LoadReport {
  const missing = [...targets.keys()].filter((name) => !sources.has(name));
  const unexpected = [...sources.keys()].filter((name) => !targets.has(name));
  const pairs = [...targets].flatMap(([name, target]) => {
    const source = sources.get(name);
    return source ? [{ name, target, source }] : [];
  });
  const misshapen = pairs.filter(({ target, source }) => !sameShape(target.shape, source.shape));
  report(what, [
    ['missing', strict ? missing.map((name) => `${name} ${show(targets.get(name)!.shape)}`) : []],
    ['unexpected', strict ? unexpected.map((name) => `${name} ${show(sources.get(name)!.shape)}`) : []],
    [
      'of another shape',
      misshapen.map(
        ({ name, target, source }) => `${name} is ${show(source.shape)}, expected ${show(target.shape)}`,
      ),
    ],
  ]);
  for (const { name, target, source } of pairs) check(what, name, target, source);
  for (const { target, source } of pairs) write(target, source);
  return { missing, unexpected };
}

function report(what: string, problems: [string, string[]][]): void {
  const found = problems.filter(([, lines]) => lines.length > 0);
  if (found.length === 0) return;
  const counts = found.map(([problem, lines]) => `${lines.length} ${problem}`).join(', ');
  const details = found.map(([problem, lines]) => `\n  ${problem}:\n    ${lines.join('\n    ')}`).join('');
  throw new Error(`${what}: the tensors do not fit, nothing was loaded: ${counts}${details}`);
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
  }
}

function write(target: Tensor, source: TensorSource): void {
  if (target.size === 0) return;
  if (source instanceof Tensor) assign(target, source);
  else target.device.write(target.storage, target.offset, Float64Array.from(source.data, Number));
}
