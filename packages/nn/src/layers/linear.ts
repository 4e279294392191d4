import {
  add,
  assertCount,
  assertTensor,
  checkOptions,
  indexSelect,
  matmul,
  reshape,
  show,
  sizeOf,
  type Tensor,
} from '@tapegrad/tensor';
import { fanInBound, generatorFor, type InitOptions, normalParameter, uniformParameter } from '../init.ts';
import { Module } from '../module.ts';

/** `bias` (default true) adds a number per output. */
export interface LinearOptions extends InitOptions {
  /** Whether each output has a learned bias. Default true. */
  bias?: boolean;
}

/**
 * y = x·Wᵀ + b: [..., in] → [..., out], with weight [out, in] and bias [out].
 * @throws in `forward` if the last axis is not `in`
 */
export class Linear extends Module {
  /** [out, in]. */
  readonly weight: Tensor;
  /** [out]. */
  readonly bias: Tensor | null;

  constructor(inputs: number, outputs: number, options: LinearOptions = {}) {
    super();
    checkOptions('Linear', options, ['bias', 'generator'], ['bias']);
    const { bias = true } = options;
    const generator = generatorFor('Linear', options);
    assertCount('Linear', 'inputs', inputs);
    assertCount('Linear', 'outputs', outputs);
    const shape = [outputs, inputs];
    this.weight = uniformParameter(shape, fanInBound(shape), generator);
    this.bias = bias ? uniformParameter([outputs], fanInBound(shape), generator) : null;
  }

  forward(x: Tensor): Tensor {
    assertTensor('Linear', x);
    const inputs = this.weight.shape[1]!;
    if (x.shape.at(-1) !== inputs) {
      throw new Error(`Linear: expects [..., ${inputs}], got ${show(x.shape)}`);
    }
    const rows = x.rank === 2 ? x : reshape(x, [sizeOf(x.shape.slice(0, -1)), inputs]);
    const product = matmul(rows, this.weight, { transposeB: true });
    const y = this.bias ? add(product, this.bias) : product;
    return x.rank === 2 ? y : reshape(y, [...x.shape.slice(0, -1), this.weight.shape[0]!]);
  }
}

/**
 * A table of vectors: int32 indices of any shape [...] → [..., size], with weight [count, size], drawn from N(0, 1).
 */
export class Embedding extends Module {
  /** [count, width]. */
  readonly weight: Tensor;

  constructor(count: number, size: number, options: InitOptions = {}) {
    super();
    checkOptions('Embedding', options, ['generator']);
    assertCount('Embedding', 'count', count);
    assertCount('Embedding', 'size', size);
    this.weight = normalParameter([count, size], generatorFor('Embedding', options));
  }

  forward(indices: Tensor): Tensor {
    assertTensor('Embedding', indices);
    if (indices.dtype !== 'int32') {
      throw new Error(
        `Embedding: the indices are int32, got ${indices.dtype} ${show(indices.shape)}; cast them`,
      );
    }
    const rows = indexSelect(this.weight, 0, reshape(indices, [indices.size]));
    return reshape(rows, [...indices.shape, this.weight.shape[1]!]);
  }
}
