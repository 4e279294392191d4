import type { PictureName } from '@tapegrad/vae';
import type { Command } from 'commander';
import { type Flag, flag, indices, real, whole } from './flag.ts';
import { adapterFlag, shownDataFlag } from './shared.ts';

/* The commands that draw a picture of a run into its folder. */

/** The most images in a row of a picture, which limits its width. */
const MOST_IN_ROW = 100;

const points = (least: number, count: number, help: string) =>
  flag('--points <n>', help).argParser(whole(least, MOST_IN_ROW)).default(count);
const rows = () => flag('--rows <n>', 'show at most this many dimensions').argParser(whole(1)).default(20);
const chosenImages = () =>
  flag('--images <i,j…>', 'show these images of the test set instead').argParser(indices);
const plane = () =>
  flag('--dimensions <i,j>', 'which two, counted from 0 (default: the most informative)').argParser(indices);

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
      flag('--count <n>', 'number of images')
        .argParser(whole(1, MOST_IN_ROW ** 2))
        .default(64),
      flag('--seed <n>', 'seed of the draws').argParser(whole(0)).default(0),
    ],
  },
  {
    name: 'reconstruct',
    summary: 'show the held-out images and their reconstructions',
    picture: 'reconstructions',
    flags: () => [chosenImages()],
  },
  {
    name: 'grid',
    summary: 'decode a grid over two latent dimensions, with the others at 0',
    picture: 'latent-grid',
    flags: () => [
      plane(),
      flag('--range <x>', 'from −x to x (default: 3; for vae-blog: 1)').argParser(real({ above: 0 })),
      points(1, 11, 'steps along each dimension'),
    ],
  },
  {
    name: 'manifold',
    summary: "decode a grid over two latent dimensions, spaced by the prior's quantiles",
    picture: 'manifold',
    flags: () => [plane(), points(1, 20, 'steps along each dimension')],
  },
  {
    name: 'traverse',
    summary: 'vary each latent dimension in a row of its own, the largest KL divergence first',
    picture: 'traversals',
    flags: () => [
      flag('--range <x>', 'vary from −x to x')
        .argParser(real({ above: 0 }))
        .default(3),
      points(1, 11, 'steps along each dimension'),
      rows(),
      flag('--image <i>', 'keep the others at the code of this test image instead of 0').argParser(whole(0)),
    ],
  },
  {
    name: 'interpolate',
    summary: 'decode straight lines between the codes of test images',
    picture: 'interpolation',
    flags: () => [
      flag('--from <i,j…>', 'test images to start from (default: the held-out ones, in pairs)').argParser(
        indices,
      ),
      flag('--to <i,j…>', 'test images to end at, one for each of --from').argParser(indices),
      points(2, 9, 'steps along each line, ends included'),
    ],
  },
  {
    name: 'scatter',
    summary: 'plot the first 5,000 training images in latent space',
    picture: 'scatter',
    flags: () => [plane()],
  },
  {
    name: 'pca',
    summary: 'plot training images along the two directions in which their codes vary most',
    picture: 'principal',
    flags: () => [],
  },
  {
    name: 'posteriors',
    summary: 'plot the posteriors of the held-out images in each latent dimension, over the prior',
    picture: 'posteriors',
    flags: () => [chosenImages(), rows()],
  },
  {
    name: 'histograms',
    summary: 'plot how μ and σ of each latent dimension are distributed',
    picture: 'histograms',
    flags: () => [rows()],
  },
  {
    name: 'kl',
    summary: 'plot the KL divergence of each latent dimension, and which are active',
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
