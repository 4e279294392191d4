import { buffer, Module, parameter } from '@tapegrad/nn';
import {
  add,
  argmin,
  assign,
  cast,
  constant,
  div,
  equal,
  floor,
  type Generator,
  indexSelect,
  keep,
  less,
  matmul,
  mul,
  ones,
  reshape,
  scope,
  square,
  sub,
  sum,
  type Tensor,
  tensor,
  where,
} from '@tapegrad/tensor';
import type { ModelOptions } from './options.ts';

/**
 * K vectors e_k of D numbers. A row z_i is replaced by the vector nearest to it. The vectors learn
 *
 *   - as moving averages of the rows they stand for (`ema`; van den Oord et al. 2017, appendix A.1), n_k of them:
 *     N_k ← γ·N_k + (1 − γ)·n_k,   m_k ← γ·m_k + (1 − γ)·Σ_{i of k} z_i,   e_k = m_k / N_k,   at first N_k = 1, m_k = e_k
 *   - or as parameters, from a loss of their own (`loss`). N is counted then too, to tell which are dead.
 *
 * A code with N_k below `restart` is dead: hardly any row is near it, so nothing would ever move it. It is replaced
 * by a random row of the batch. If two codes get the same row, the second stays dead and is replaced again.
 */
export class Codebook extends Module {
  /** [K, D], as in an embedding. */
  readonly weight: Tensor;
  /** N, [K]: how many rows each code stands for in a step. */
  readonly clusterSize: Tensor;
  /** m, [K, D]; null where the codes are parameters. */
  readonly embedAvg: Tensor | null;
  readonly #options: CodebookOptions;
  /** 0 … K − 1, and the smallest N of a living code: on the device already, to be compared against. */
  readonly #names: Tensor;
  readonly #least: Tensor;

  /** @param generator draws the codes uniformly from ±1/K */
  constructor(size: number, options: CodebookOptions, generator: Generator) {
    super();
    const { codes: count, codebook } = options;
    const { device } = generator.state;
    const draw = scope(() => sub(mul(generator.uniform([count, size]), 2 / count), 1 / count));
    this.weight = codebook === 'loss' ? parameter(draw) : buffer(draw);
    this.clusterSize = buffer(ones([count], { device }));
    this.embedAvg = codebook === 'loss' ? null : buffer(mul(constant(draw), 1));
    this.#options = options;
    this.#names = keep(
      tensor(
        Float32Array.from({ length: count }, (_, k) => k),
        { device },
      ),
    );
    this.#least = keep(tensor(options.restart, { device }));
  }

  /** K, the number of codes. */
  get count(): number {
    return this.weight.shape[0]!;
  }

  /** Rows [N, D] → the codes that stand for them, [N, D]. No gradient passes to the rows. */
  forward(rows: Tensor): Tensor {
    return this.lookUp(this.nearest(rows));
  }

  /**
   * Rows [N, D] → int32 [N]: argmin_k ‖z − e_k‖², the first if several are equally near. ‖z‖² makes no difference and
   * is left out.
   */
  nearest(rows: Tensor): Tensor {
    const [z, e] = [constant(rows), constant(this.weight)];
    return argmin(add(matmul(z, mul(e, -2), { transposeB: true }), sum(square(e), 1)), 1);
  }

  /** int32 [N] → the codes of these numbers, [N, D]. */
  lookUp(indices: Tensor): Tensor {
    return indexSelect(this.weight, 0, indices);
  }

  /**
   * int32 [N] → [N, K]: 1 where row i has code k, otherwise 0. Its products with other matrices are look-ups, and
   * sums over the rows of each code, and are faster than `scatterAdd`, which goes through all indices for every
   * result.
   */
  oneHot(indices: Tensor): Tensor {
    return equal(reshape(cast(indices, 'float32'), [indices.size, 1]), this.#names);
  }

  /**
   * What a training step does besides gradients: updates the moving averages and replaces dead codes.
   * @param rows what was quantized, [N, D]
   * @param assigned their codes, as `oneHot` gives them
   * @param used how many rows each code stands for: the sums of `assigned`, [K]
   */
  learn(rows: Tensor, assigned: Tensor, used: Tensor, noise: Generator): void {
    scope(() => this.#learn(constant(rows), assigned, used, noise));
  }

  #learn(rows: Tensor, assigned: Tensor, used: Tensor, noise: Generator): void {
    const { weight, clusterSize, embedAvg, count } = this;
    const { decay, restart } = this.#options;
    const follow = (average: Tensor, batch: Tensor) => add(mul(average, decay), mul(batch, 1 - decay));
    const perCode = (t: Tensor) => reshape(t, [count, 1]);

    // `where` takes anything but 0 as true.
    let sizes = follow(clusterSize, used);
    let sums = embedAvg && follow(embedAvg, matmul(assigned, rows, { transposeA: true }));
    // A code without rows keeps its place: m and N shrink alike, but their quotient fails once both are 0.
    let codes = sums ? where(perCode(used), div(sums, perCode(sizes)), weight) : weight;
    if (restart > 0) {
      const dead = less(sizes, this.#least);
      const fresh = indexSelect(rows, 0, drawIndices(count, rows.shape[0]!, noise));
      // A replaced code starts with N = 1, as at first.
      sizes = where(dead, dead, sizes);
      sums = sums && where(perCode(dead), fresh, sums);
      codes = where(perCode(dead), fresh, codes);
    }
    assign(clusterSize, sizes);
    if (sums) assign(embedAvg!, sums);
    if (codes !== weight) assign(weight, codes);
  }
}

/** Options of a codebook. */
export type CodebookOptions = Pick<ModelOptions, 'codes' | 'codebook' | 'decay' | 'restart'>;

/**
 * `count` indices, each uniformly from 0 … bound − 1: int32. The largest, (1 − 2⁻²⁴)·bound, stays below bound in
 * float32.
 */
export function drawIndices(count: number, bound: number, noise: Generator): Tensor {
  return cast(floor(mul(noise.uniform([count]), bound)), 'int32');
}

/**
 * exp(−Σ p·log p) of the shares of counts: K if all codes are used equally, 1 if only one is, NaN if all counts are
 * 0.
 */
export function perplexity(counts: ArrayLike<number>): number {
  const all = Array.from(counts);
  const total = all.reduce((sum, n) => sum + n, 0);
  const entropy = all.filter((n) => n !== 0).reduce((sum, n) => sum - (n / total) * Math.log(n / total), 0);
  return total === 0 ? Number.NaN : Math.exp(entropy);
}
