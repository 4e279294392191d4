import { assertTensor } from '../arguments.ts';
import { described } from '../described.ts';
import { mul } from '../ops/elementwise.ts';
import { show, sizeOf } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { matmul } from './contractions.ts';
import { permute, reshape, slice } from './movement.ts';
import { sum } from './reductions.ts';

/** A tensor whose axes have names. Those of an ellipsis are numbered from the end: `...1` is the last. */
interface Labelled {
  readonly x: Tensor;
  readonly labels: readonly string[];
}

/**
 * Einstein's summation over one or two tensors, as in PyTorch: `einsum('bij,bjk->bik', a, b)` multiplies batches of matrices.
 * Each letter names an axis; what is not named after the arrow is summed over. Without an arrow the output has the letters
 * that occur once, in the order of the alphabet. A letter twice in one operand takes the diagonal. `...` stands for axes that
 * have no name, which broadcast. Products are matrix products, with as few copies before and after as the letters allow.
 * @throws if the equation does not describe the operands, or a letter has two extents; naming the equation and the shapes
 */
export function einsum(equation: string, ...operands: readonly Tensor[]): Tensor {
  if (typeof equation !== 'string') {
    throw new Error(
      `einsum: the equation comes first, such as einsum('ij,jk->ik', a, b), got ${described(equation)}`,
    );
  }
  for (const x of operands) assertTensor('einsum', x);
  const fail = (why: string): never => {
    const shapes = operands.map(({ shape }) => show(shape)).join(', ') || 'nothing';
    throw new Error(`einsum: ${why}: '${equation}' of ${shapes}`);
  };
  const { terms, output } = parse(equation, fail);
  if (terms.length !== operands.length || operands.length > 2) {
    fail(`expects one or two tensors, and as many terms as there are tensors; got ${terms.length} terms`);
  }
  const named = operands.map((x, i) => withLabels(x, terms[i]!, fail));
  checkExtents(named, fail);
  const wanted = outputLabels(named, output, fail);
  const [a, b] = named.map(diagonal);
  return b ? contract(...apart(a!, b), wanted) : arranged(summed(a!, wanted), wanted).x;
}

type Fail = (why: string) => never;

const ELLIPSIS = '...';

/** `'ij,...j->i'` as lists of letters and ellipses. */
function parse(equation: string, fail: Fail): { terms: string[][]; output: string[] | undefined } {
  const text = equation.replaceAll(' ', '');
  if (!/^([A-Za-z]|\.{3})*(,([A-Za-z]|\.{3})*)*(->([A-Za-z]|\.{3})*)?$/.test(text)) {
    fail("expects letters and '...' for axes, a comma between operands, and an arrow '->' before the output");
  }
  const [inputs, output] = text.split('->') as [string, string?];
  const axes = (term: string) => term.match(/[A-Za-z]|\.{3}/g) ?? [];
  const terms = inputs.split(',').map(axes);
  const wanted = output === undefined ? undefined : axes(output);
  for (const term of [...terms, ...(wanted ? [wanted] : [])]) {
    if (term.filter((label) => label === ELLIPSIS).length > 1) fail("'...' occurs twice in one term");
  }
  return { terms, output: wanted };
}

const numbered = (count: number) => Array.from({ length: count }, (_, k) => `${ELLIPSIS}${count - k}`);

/** An operand with a label for each axis. */
function withLabels(x: Tensor, term: readonly string[], fail: Fail): Labelled {
  const others = x.rank - term.filter((label) => label !== ELLIPSIS).length;
  if (others < 0 || (others > 0 && !term.includes(ELLIPSIS))) {
    fail(`'${term.join('')}' does not name the axes of ${show(x.shape)}`);
  }
  return { x, labels: term.flatMap((label) => (label === ELLIPSIS ? numbered(others) : [label])) };
}

const isNamed = (label: string) => !label.startsWith(ELLIPSIS);

/** @throws if a letter has two extents, or axes of an ellipsis do not broadcast */
function checkExtents(operands: readonly Labelled[], fail: Fail): void {
  const extents = new Map<string, number>();
  for (const { x, labels } of operands) {
    labels.forEach((label, axis) => {
      const [extent, known] = [x.shape[axis]!, extents.get(label)];
      const broadcasts = !isNamed(label) && (extent === 1 || known === 1);
      if (known !== undefined && known !== extent && !broadcasts) {
        fail(`${isNamed(label) ? `'${label}'` : "an axis of '...'"} is ${known} and ${extent}`);
      }
      extents.set(label, known === undefined || known === 1 ? extent : known);
    });
  }
}

/** The labels of the output: those that are asked for, or by default the axes of the ellipsis and the letters that occur once. */
function outputLabels(
  operands: readonly Labelled[],
  asked: readonly string[] | undefined,
  fail: Fail,
): string[] {
  const all = operands.flatMap(({ labels }) => labels);
  const unnamed = numbered(
    Math.max(...operands.map(({ labels }) => labels.filter((label) => !isNamed(label)).length)),
  );
  if (!asked) {
    const once = all.filter((label) => isNamed(label) && all.indexOf(label) === all.lastIndexOf(label));
    return [...unnamed, ...once.sort()];
  }
  const labels = asked.flatMap((label) => (label === ELLIPSIS ? unnamed : [label]));
  for (const [k, label] of labels.entries()) {
    if (!all.includes(label)) fail(`the output's '${label}' names no axis`);
    if (labels.indexOf(label) !== k) fail(`the output has '${label}' twice`);
  }
  return labels;
}

/** A label that names two axes is put on their diagonal: every (n + 1)-th element of the two made one. */
function diagonal(operand: Labelled): Labelled {
  const { x, labels } = operand;
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis);
  if (second < 0) return operand;
  const label = labels[second]!;
  const rest = [...labels.keys()].filter((axis) => axis !== second && axis !== labels.indexOf(label));
  const n = x.shape[second]!;
  const last = permute(x, [...rest, labels.indexOf(label), second]);
  const flat = reshape(last, [...rest.map((axis) => x.shape[axis]!), n * n]);
  const taken = slice(flat, ...rest.map(() => null), [0, n * n, n + 1]);
  return diagonal({ x: taken, labels: [...rest.map((axis) => labels[axis]!), label] });
}

/** Sums over the labels that are not kept. */
function summed({ x, labels }: Labelled, kept: readonly string[]): Labelled {
  const axes = [...labels.keys()].filter((axis) => !kept.includes(labels[axis]!));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, axes), labels: labels.filter((label) => kept.includes(label)) };
}

/** The axes in the order of these labels. */
function arranged({ x, labels }: Labelled, order: readonly string[]): Labelled {
  if (labels.join() === order.join()) return { x, labels };
  const axes = order.map((label) => labels.indexOf(label));
  return { x: permute(x, axes), labels: order };
}

/** An axis of extent 1 that broadcasts along one of the other operand is left out: then the other has it for itself. */
function apart(a: Labelled, b: Labelled): [Labelled, Labelled] {
  const without = (one: Labelled, other: Labelled): Labelled => {
    const kept = [...one.labels.keys()].filter((axis) => {
      const across = other.labels.indexOf(one.labels[axis]!);
      return across < 0 || one.x.shape[axis] === other.x.shape[across] || one.x.shape[axis] !== 1;
    });
    if (kept.length === one.labels.length) return one;
    const shape = kept.map((axis) => one.x.shape[axis]!);
    return { x: reshape(one.x, shape), labels: kept.map((axis) => one.labels[axis]!) };
  };
  return [without(a, b), without(b, a)];
}

/** The product of two operands with the labels asked for, in their order. */
function contract(left: Labelled, right: Labelled, wanted: readonly string[]): Tensor {
  const a = summed(left, [...wanted, ...right.labels]);
  const b = summed(right, [...wanted, ...left.labels]);
  const inA = (label: string) => a.labels.includes(label);
  const inB = (label: string) => b.labels.includes(label);
  const common = a.labels.filter(inB);
  const sums = common.filter((label) => !wanted.includes(label));
  if (sums.length === 0) return elementwise(a, b, wanted);
  if (common.length === a.labels.length && common.length === b.labels.length) {
    const product = { x: mul(a.x, arranged(b, a.labels).x), labels: a.labels };
    return arranged(summed(product, wanted), wanted).x;
  }
  const batch = wanted.filter((label) => inA(label) && inB(label));
  const plans = [a, b].flatMap(({ labels }) => {
    const order = labels.filter((label) => sums.includes(label));
    return [planOf(a, b, batch, order, wanted), planOf(b, a, batch, order, wanted)];
  });
  return product(
    plans.reduce((best, plan) => (plan.copied < best.copied ? plan : best)),
    batch,
    wanted,
  );
}

/** Nothing is summed: both are laid along the output's axes, and broadcast. */
function elementwise(a: Labelled, b: Labelled, wanted: readonly string[]): Tensor {
  const along = ({ x, labels }: Labelled) => {
    const own = arranged(
      { x, labels },
      wanted.filter((label) => labels.includes(label)),
    );
    let axis = 0;
    return reshape(
      own.x,
      wanted.map((label) => (labels.includes(label) ? own.x.shape[axis++]! : 1)),
    );
  };
  return mul(along(a), along(b));
}

/** A matrix product for each of a batch: rows, columns and sums, each several labels, and how the operands are turned. */
interface Plan {
  readonly a: Labelled;
  readonly b: Labelled;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly sums: readonly string[];
  /** Elements that have to be copied into another order, before or after. */
  readonly copied: number;
}

function planOf(
  a: Labelled,
  b: Labelled,
  batch: readonly string[],
  sums: readonly string[],
  wanted: readonly string[],
): Plan {
  const own = ({ labels }: Labelled) =>
    wanted.filter((label) => labels.includes(label) && !batch.includes(label));
  const [rows, columns] = [own(a), own(b)];
  const isMatrix = ({ labels }: Labelled, others: readonly string[]) =>
    [[...batch, ...others, ...sums].join(), [...batch, ...sums, ...others].join()].includes(labels.join());
  const extent = (label: string) => {
    const side = a.labels.includes(label) ? a : b;
    return side.x.shape[side.labels.indexOf(label)]!;
  };
  const inOrder = [...batch, ...rows, ...columns].join() === wanted.join();
  const copied =
    (isMatrix(a, rows) ? 0 : a.x.size) +
    (isMatrix(b, columns) ? 0 : b.x.size) +
    (inOrder ? 0 : sizeOf(wanted.map(extent)));
  return { a, b, rows, columns, sums, copied };
}

function product(
  { a, b, rows, columns, sums }: Plan,
  batch: readonly string[],
  wanted: readonly string[],
): Tensor {
  const extents = new Map([a, b].flatMap(({ x, labels }) => labels.map((label, k) => [label, x.shape[k]!])));
  const count = (labels: readonly string[]) => sizeOf(labels.map((label) => extents.get(label)!));
  const batches = batch.length > 0 ? [count(batch)] : [];
  /** As matrices, and whether the sums come first. */
  const matrices = (operand: Labelled, others: readonly string[]) => {
    const isTurned = operand.labels.join() === [...batch, ...sums, ...others].join();
    const x = isTurned ? operand.x : arranged(operand, [...batch, ...others, ...sums]).x;
    const [m, k] = [count(others), count(sums)];
    return { x: reshape(x, [...batches, ...(isTurned ? [k, m] : [m, k])]), isTurned };
  };
  const [left, right] = [matrices(a, rows), matrices(b, columns)];
  const y = matmul(left.x, right.x, { transposeA: left.isTurned, transposeB: !right.isTurned });
  const labels = [...batch, ...rows, ...columns];
  const shape = labels.map((label) => extents.get(label)!);
  return arranged({ x: reshape(y, shape), labels }, wanted).x;
}
