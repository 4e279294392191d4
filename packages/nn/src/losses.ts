import {
  abs,
  assertTensor,
  cast,
  checkOptions,
  described,
  gather,
  isFloat,
  logSoftmax,
  mean,
  mul,
  neg,
  reshape,
  sameShape,
  show,
  softplus,
  square,
  sub,
  sum,
  type Tensor,
} from '@tapegrad/tensor';

/** What all losses take. */
export interface LossOptions {
  /**
   * How the elements' losses become one number: their mean (the default) or their sum; with `none` they stay as they
   * are.
   */
  reduction?: 'mean' | 'sum' | 'none';
}

function reduce(loss: string, losses: Tensor, options: LossOptions): Tensor {
  checkOptions(loss, options, ['reduction']);
  const { reduction = 'mean' } = options;
  if (reduction === 'none') return losses;
  if (reduction === 'mean') return mean(losses);
  if (reduction === 'sum') return sum(losses);
  throw new Error(`${loss}: reduction is 'mean', 'sum' or 'none', got ${described(reduction)}`);
}

/** A loss that broadcast would hide mistakes: [32] against [32, 1] would compare every pair. */
function assertSameShape(loss: string, input: Tensor, target: Tensor): void {
  for (const operand of [input, target]) assertTensor(loss, operand);
  if (!sameShape(input.shape, target.shape)) {
    throw new Error(`${loss}: shapes differ: ${show(input.shape)} and target ${show(target.shape)}`);
  }
}

/**
 * (input − target)²: two tensors of the same shape → [], or that shape with `reduction: 'none'`.
 * @throws if the shapes differ
 */
export function mseLoss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  assertSameShape('mseLoss', input, target);
  return reduce('mseLoss', square(sub(input, target)), options);
}

/**
 * |input − target|: two tensors of the same shape → [], or that shape with `reduction: 'none'`.
 * @throws if the shapes differ
 */
export function l1Loss(input: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  assertSameShape('l1Loss', input, target);
  return reduce('l1Loss', abs(sub(input, target)), options);
}

/**
 * Binary cross-entropy from logits x, for targets y in [0, 1]: −y·log σ(x) − (1 − y)·log(1 − σ(x)), computed as
 * softplus(x) − x·y, which no logit makes overflow. Two tensors of the same shape → [], or that shape with
 * `reduction: 'none'`.
 * @throws if the shapes differ
 */
export function bceWithLogitsLoss(logits: Tensor, target: Tensor, options: LossOptions = {}): Tensor {
  assertSameShape('bceWithLogitsLoss', logits, target);
  return reduce('bceWithLogitsLoss', sub(softplus(logits), mul(logits, target)), options);
}

/**
 * Negative log-likelihood: −logProbabilities[n, labels[n], ...], from log-probabilities [N, C, ...] and integer labels
 * [N, ...] → [], or [N, ...] with `reduction: 'none'`.
 * @throws if the shapes do not go together, or the labels are not integers
 */
export function nllLoss(logProbabilities: Tensor, labels: Tensor, options: LossOptions = {}): Tensor {
  return picked('nllLoss', logProbabilities, labels, options);
}

/** The `nllLoss` under the name of the loss that was called. */
function picked(loss: string, logProbabilities: Tensor, labels: Tensor, options: LossOptions): Tensor {
  for (const operand of [logProbabilities, labels]) assertTensor(loss, operand);
  const [batch, , ...rest] = logProbabilities.shape;
  if (logProbabilities.rank < 2 || !sameShape(labels.shape, [batch!, ...rest])) {
    throw new Error(
      `${loss}: expects [N, C, ...] and labels [N, ...], got ${show(logProbabilities.shape)} and ${show(labels.shape)}`,
    );
  }
  if (isFloat(labels.dtype)) throw new Error(`${loss}: labels must be integers, got ${labels.dtype}`);
  const index = labels.dtype === 'int32' ? labels : cast(labels, 'int32');
  const chosen = gather(logProbabilities, 1, reshape(index, [batch!, 1, ...rest]));
  return reduce(loss, neg(reshape(chosen, labels.shape)), options);
}

/**
 * −log softmax(logits)[label] along the classes: logits [N, C, ...] and integer labels [N, ...] → [], or [N, ...] with
 * `reduction: 'none'`.
 * @throws if the shapes do not go together, or the labels are not integers
 */
export function crossEntropyLoss(logits: Tensor, labels: Tensor, options: LossOptions = {}): Tensor {
  for (const operand of [logits, labels]) assertTensor('crossEntropyLoss', operand);
  checkOptions('crossEntropyLoss', options, ['reduction']);
  if (logits.rank < 2)
    throw new Error(`crossEntropyLoss: expects logits [N, C, ...], got ${show(logits.shape)}`);
  return picked('crossEntropyLoss', logSoftmax(logits, 1), labels, options);
}
