import { add, type Generator, less, mul, type Tensor, where } from '@tapegrad/tensor';
import type { Normalization } from './likelihoods.ts';
import { type ModelOptions, OptionError } from './options.ts';

/** Which noise, and how much of it. */
export type Corruption = Pick<ModelOptions, 'noise' | 'noiseLevel'>;

/**
 * Corrupts images [B, c, h, w], normalized as `normalization` says, with new noise at every call, on the device. At level 0.5,
 *
 * - `gaussian` adds N(0, 0.5²), in units of the range from black to white, which the result may leave;
 * - `masking` sets each pixel to black, in all channels, with probability ½;
 * - `salt-and-pepper` sets each pixel with probability ½ to black or white, which are equally likely.
 *
 * The three are those of Vincent et al. 2010, section 3.3.
 */
export function corrupted(
  x: Tensor,
  { noise: kind, noiseLevel: level }: Corruption,
  { scale, shift }: Normalization,
  noise: Generator,
): Tensor {
  const [black, white] = [shift, 255 * scale + shift];
  if (kind === 'gaussian') return add(x, mul(noise.normal(x.shape), level * (white - black)));
  const [batch, , height, width] = x.shape;
  const chance = noise.uniform([batch!, 1, height!, width!]);
  const instead = kind === 'masking' ? black : where(less(chance, level / 2), black, white);
  return where(less(chance, level), instead, x);
}

/** Checks the options of a corruption. @throws if the share of pixels to be hit is more than 1 */
export function assertCorruption({ noise, noiseLevel }: Corruption): void {
  if (noise !== 'gaussian' && noiseLevel > 1) {
    throw new OptionError(
      `noise-level ${noiseLevel}: with --noise ${noise} it is the share of pixels that are hit, 0 to 1`,
    );
  }
}
