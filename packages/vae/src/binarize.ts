import { threefry } from '@tapegrad/tensor';

/**
 * Grey pixels made black or white, 0 or 255. `threshold`: white above 128. `drawn`: white with the pixel's value as
 * the probability, as in the published likelihoods of MNIST (Salakhutdinov and Murray 2008); a seed gives the same
 * outcome on every adapter.
 */
export function binarized(
  bytes: Uint8Array,
  how: 'threshold' | 'drawn',
  { seed = 0, stream = 0 }: { seed?: number; stream?: number } = {},
): Uint8Array {
  if (how === 'threshold') return bytes.map((byte) => (byte > 128 ? 255 : 0));
  const bits = new Uint8Array(bytes.length);
  // 16 random bits per pixel: four pixels from each pair of words.
  for (let i = 0; i < bytes.length; i += 4) {
    const words = threefry(seed >>> 0, stream, i / 4, 0);
    for (let k = 0; k < Math.min(4, bytes.length - i); k++) {
      const chance = (words[k >> 1]! >>> (16 * (k & 1))) & 0xffff;
      if (chance * 255 < bytes[i + k]! * 0x1_0000) bits[i + k] = 255;
    }
  }
  return bits;
}
