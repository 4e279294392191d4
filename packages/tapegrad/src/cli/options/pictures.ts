import type { PictureName } from '@tapegrad/vae';
import type { Command } from 'commander';
import { type Flag, flag, indices, real, whole } from './flag.ts';
import { adapterFlag, shownDataFlag } from './shared.ts';

/* The commands that draw a picture of a run into its folder. */

/** The most images in a row of a picture, which is as wide as that. */
const MOST_IN_ROW = 100;

const points = (least: number, count: number, help: string) =>
  flag('--points <n>', help).argParser(whole(least, MOST_IN_ROW)).default(count);
const rows = () => flag('--rows <n>', 'dimensions at most').argParser(whole(1)).default(20);
const chosenImages = () => flag('--images <i,j…>', 'these images of the test set instead').argParser(indices);
const plane = () =>
  flag('--dimensions <i,j>', 'which two, from 0 (default: those that tell the most)').argParser(indices);

interface PictureCommand {
  readonly name: string;
  readonly summary: string;
  readonly picture: PictureName;
  readonly flags: () => readonly Flag[];
}

export const pictureCommands: readonly PictureCommand[] = [
  {
    name: 'sample',
    summary: 'draw images from the prior',
    picture: 'samples',
    flags: () => [
      flag('--count <n>', 'images')
        .argParser(whole(1, MOST_IN_ROW ** 2))
        .default(64),
      flag('--seed <n>', 'of the draws').argParser(whole(0)).default(0),
    ],
  },
  {
    name: 'reconstruct',
    summary: 'the held-out images and what the model makes of them',
    picture: 'reconstructions',
    flags: () => [chosenImages()],
  },
  {
    name: 'grid',
    summary: 'decode a grid over two latent dimensions, the others 0',
    picture: 'latent-grid',
    flags: () => [
      plane(),
      flag('--range <x>', 'from −x to x (default: 3; of vae-blog: 1)').argParser(real({ above: 0 })),
      points(1, 11, 'steps along each dimension'),
    ],
  },
  {
    name: 'manifold',
    summary: 'two latent dimensions through the inverse distribution of the prior',
    picture: 'manifold',
    flags: () => [plane(), points(1, 20, 'steps along each dimension')],
  },
  {
    name: 'traverse',
    summary: 'each latent dimension in a row of its own, the largest KL divergence first',
    picture: 'traversals',
    flags: () => [
      flag('--range <x>', 'from −x to x')
        .argParser(real({ above: 0 }))
        .default(3),
      points(1, 11, 'steps along each dimension'),
      rows(),
      flag('--image <i>', 'the others at the code of this test image instead of 0').argParser(whole(0)),
    ],
  },
  {
    name: 'interpolate',
    summary: 'between the codes of test images, along straight lines',
    picture: 'interpolation',
    flags: () => [
      flag('--from <i,j…>', 'test images to start from (default: the held-out ones, two by two)').argParser(
        indices,
      ),
      flag('--to <i,j…>', 'and to end at, as many').argParser(indices),
      points(2, 9, 'steps between them, ends included'),
    ],
  },
  {
    name: 'scatter',
    summary: 'the first 5,000 training images in latent space',
    picture: 'scatter',
    flags: () => [plane()],
  },
  {
    name: 'pca',
    summary: 'training images along the two directions in which their codes vary the most',
    picture: 'principal',
    flags: () => [],
  },
  {
    name: 'posteriors',
    summary: 'where the encoder sees the held-out images in each latent dimension, over the prior',
    picture: 'posteriors',
    flags: () => [chosenImages(), rows()],
  },
  {
    name: 'histograms',
    summary: 'how μ and σ of each latent dimension are distributed',
    picture: 'histograms',
    flags: () => [rows()],
  },
  {
    name: 'kl',
    summary: 'KL divergence of each latent dimension, and which are active',
    picture: 'kl',
    flags: () => [],
  },
];

export function definePicture(command: Command, { picture, flags }: PictureCommand): void {
  command.argument('<run>', 'a run folder');
  for (const one of [shownDataFlag(), adapterFlag().default('auto'), ...flags()]) command.addOption(one);
  command
    .addHelpText('after', `\nWrites images/${picture}.png in the run folder and prints its path.`)
    .action(async (path, options) => (await import('../pictures.ts')).draw(path, picture, options));
}

export function defineCurves(command: Command): void {
  command
    .argument('<run>', 'a run folder')
    .addHelpText('after', '\nWrites images/curves.png in the run folder and prints its path.')
    .action(async (path) => (await import('../pictures.ts')).drawCurves(path));
}
