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
 * K vectors e_k of D numbers, one of which stands for each row z_i that is quantized: the nearest. They learn
 *
 *   - as moving averages of the rows that they stand for (`ema`; van den Oord et al. 2017, appendix A.1), n_k of them:
 *     N_k ← γ·N_k + (1 − γ)·n_k,   m_k ← γ·m_k + (1 − γ)·Σ_{i of k} z_i,   e_k = m_k / N_k,   at first N_k = 1, m_k = e_k
 *   - or as parameters, from a loss of their own (`loss`). N is counted then too, to know the dead.
 *
 * A code with N_k under `restart` is dead: hardly any row is near it, so that nothing would ever move it. It starts anew
 * as a row of the batch. Which one is random; should two codes get the same, the second stays dead, and starts again.
 */
export class Codebook extends Module {
  /** [K, D]; as an embedding has it. */
  readonly weight: Tensor;
  /** N, [K]: rows a step that a code stands for. */
  readonly clusterSize: Tensor;
  /** m, [K, D]; null where the codes are parameters. */
  readonly embedAvg: Tensor | null;
  readonly #options: CodebookOptions;
  /** 0 … K − 1, and the least N of a code that lives: what is compared with lies on the device already. */
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

  /** K. */
  get count(): number {
    return this.weight.shape[0]!;
  }

  /** Rows [N, D] → the codes that stand for them, [N, D]. No gradient passes to the rows. */
  forward(rows: Tensor): Tensor {
    return this.lookUp(this.nearest(rows));
  }

  /** Rows [N, D] → int32 [N]: argmin_k ‖z − e_k‖², the first of equals. ‖z‖² makes no difference and is left out. */
  nearest(rows: Tensor): Tensor {
    const [z, e] = [constant(rows), constant(this.weight)];
    return argmin(add(matmul(z, mul(e, -2), { transposeB: true }), sum(square(e), 1)), 1);
  }

  /** int32 [N] → the codes of these numbers, [N, D]. */
  lookUp(indices: Tensor): Tensor {
    return indexSelect(this.weight, 0, indices);
  }

  /**
   * int32 [N] → [N, K], 1 where row i is of code k, else 0. Its products with other matrices are look-ups and sums over
   * the rows of each code, and faster than `scatterAdd`, which goes through all indices for every result.
   */
  oneHot(indices: Tensor): Tensor {
    return equal(reshape(cast(indices, 'float32'), [indices.size, 1]), this.#names);
  }

  /**
   * What a training step does besides gradients: the moving averages, and the restart of dead codes.
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

    // `where` takes what is not 0 for true.
    let sizes = follow(clusterSize, used);
    let sums = embedAvg && follow(embedAvg, matmul(assigned, rows, { transposeA: true }));
    // Without rows m and N shrink alike. The quotient would stay the same, until both have become 0.
    let codes = sums ? where(perCode(used), div(sums, perCode(sizes)), weight) : weight;
    if (restart > 0) {
      const dead = less(sizes, this.#least);
      const fresh = indexSelect(rows, 0, drawIndices(count, rows.shape[0]!, noise));
      // 1 where it is dead, as at first.
      sizes = where(dead, dead, sizes);
      sums = sums && where(perCode(dead), fresh, sums);
      codes = where(perCode(dead), fresh, codes);
    }
    assign(clusterSize, sizes);
    if (sums) assign(embedAvg!, sums);
    if (codes !== weight) assign(weight, codes);
  }
}

export type CodebookOptions = Pick<ModelOptions, 'codes' | 'codebook' | 'decay' | 'restart'>;

/** `count` indices, each uniformly from 0 … bound − 1: int32. (1 − 2⁻²⁴)·bound, the most, is below bound in float32 too. */
export function drawIndices(count: number, bound: number, noise: Generator): Tensor {
  return cast(floor(mul(noise.uniform([count]), bound)), 'int32');
}

/** exp(−Σ p·log p) of the shares of counts: K where all codes are used alike, 1 where one alone is. NaN of no counts. */
export function perplexity(counts: ArrayLike<number>): number {
  const all = Array.from(counts);
  const total = all.reduce((sum, n) => sum + n, 0);
  const entropy = all.filter((n) => n !== 0).reduce((sum, n) => sum - (n / total) * Math.log(n / total), 0);
  return total === 0 ? Number.NaN : Math.exp(entropy);
}
