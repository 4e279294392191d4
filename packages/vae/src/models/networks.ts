import {
  Conv2d,
  ConvTranspose2d,
  Flatten,
  type Layer,
  Linear,
  ReLU,
  Sequential,
  Unflatten,
} from '@tapegrad/nn';
import { type Generator, sizeOf } from '@tapegrad/tensor';
import type { ImageShape } from './model.ts';
import { type ModelOptions, OptionError } from './options.ts';

/**
 * An encoder, [B, c, h, w] → [B, outputs]: strided convolutions and a hidden layer, or only the hidden layer (`mlp`).
 * @throws OptionError if the convolutions cannot halve the image evenly
 */
export function encoderNetwork(
  network: ModelOptions['network'],
  image: ImageShape,
  hidden: number,
  outputs: number,
  generator: Generator,
): Sequential {
  const head = (inputs: number): Layer[] => [
    new Linear(inputs, hidden, { generator }),
    new ReLU(),
    new Linear(hidden, outputs, { generator }),
  ];
  if (network === 'mlp') return new Sequential(new Flatten(), ...head(sizeOf(image)));
  const halves = halvings(image);
  const layers = halves.flatMap(({ from, to }) => [
    new Conv2d(from, to, 4, { stride: 2, padding: 1, bias: false, generator }),
    new ReLU(),
  ]);
  return new Sequential(...layers, new Flatten(), ...head(sizeOf(halves.at(-1)!.shape)));
}

/** A decoder, [B, latent] → [B, c, h, w], the encoder's mirror image, without an activation at the end. */
export function decoderNetwork(
  network: ModelOptions['network'],
  image: ImageShape,
  hidden: number,
  latent: number,
  generator: Generator,
): Sequential {
  const head = (outputs: number): Layer[] => [
    new Linear(latent, hidden, { generator }),
    new ReLU(),
    new Linear(hidden, outputs, { generator }),
  ];
  if (network === 'mlp') return new Sequential(...head(sizeOf(image)), new Unflatten(image));
  const halves = halvings(image);
  const { shape } = halves.at(-1)!;
  const layers = halves
    .toReversed()
    .flatMap(({ from, to }) => [
      new ReLU(),
      new ConvTranspose2d(to, from, 4, { stride: 2, padding: 1, bias: false, generator }),
    ]);
  // The first of these ReLUs comes before the reshape, as in PyTorch's numbering of the modules.
  const [activation, ...rest] = layers;
  return new Sequential(...head(sizeOf(shape)), activation!, new Unflatten(shape), ...rest);
}

/** One halving of the image: channels before and after, and the shape after. */
interface Halving {
  readonly from: number;
  readonly to: number;
  readonly shape: ImageShape;
}

/**
 * Halves the image until 4 to 7 pixels are left, 16 channels first and twice as many each time: two convolutions for
 * 28×28, four for 64×64.
 * @throws OptionError if an extent becomes odd on the way
 */
export function halvings([channels, height, width]: ImageShape): Halving[] {
  const halves: Halving[] = [];
  let [c, h, w]: ImageShape = [channels, height, width];
  while (Math.min(h, w) >= 8 || halves.length === 0) {
    if (h % 2 !== 0 || w % 2 !== 0) {
      throw new OptionError(
        `the convolutions halve the image until 4 to 7 pixels are left, but ${height}x${width} comes to ${h}x${w}: ` +
          `use another image size (${nearestSize(Math.max(height, width))} is one that does), or --network mlp`,
      );
    }
    const to = 16 * 2 ** halves.length;
    [h, w] = [h / 2, w / 2];
    halves.push({ from: c, to, shape: [to, h, w] });
    c = to;
  }
  return halves;
}

/** The extent nearest to a square image's that can be halved in this way; of two equally near ones, the larger. */
function nearestSize(extent: number): number {
  const halves = (size: number): boolean => size > 1 && size % 2 === 0 && (size / 2 < 8 || halves(size / 2));
  for (let apart = 1; ; apart++) {
    if (halves(extent + apart)) return extent + apart;
    if (halves(extent - apart)) return extent - apart;
  }
}
