import { badImagesChoices, datasetNames } from '../../choices.ts';
import { type Flag, flag, oneOf, whole } from './flag.ts';

/* Flags that several commands have. */

export const adapterFlag = (): Flag =>
  flag('--adapter <which>', 'auto, gpu, lavapipe, swiftshader, or part of a name').takes({
    words: ['auto', 'gpu', 'lavapipe', 'swiftshader'],
  });

/** For commands that show a run. */
export const shownDataFlag = (help = "where the run's images are now, or other images to show it with") =>
  flag('--data <name>', help).takes({ words: datasetNames, paths: 'folders' });

/** Which images a run learns from. */
export const dataFlags = (): Flag[] => [
  flag('--data <name>', 'mnist, fashion-mnist, or a folder of images or IDX files (default: mnist)')
    .takes({ words: datasetNames, paths: 'folders' })
    .common(),
  flag('--image-size <n>', 'for a folder of images: scale and crop to n x n (default: 64)').argParser(
    whole(1),
  ),
  flag('--channels <1|3>', 'for a folder of images: 1 for grey, 3 for colour (default: 3)')
    .takes({ words: ['1', '3'] })
    .argParser((text) => Number(oneOf(['1', '3'])(text))),
  flag('--bad-images <which>', 'for a folder of images: refuse broken ones, or skip them (default: refuse)')
    .takes({ words: badImagesChoices })
    .argParser(oneOf(badImagesChoices)),
];

export const limitFlag = (): Flag =>
  flag('--limit <n>', 'use the first N training images (default: all)').argParser(whole(1)).common();

export const logEveryFlag = (): Flag =>
  flag('--log-every <n>', 'steps between two lines of metrics.jsonl (default: 10)').argParser(whole(1));

export const configFlag = (): Flag =>
  flag('--config <file>', "take options from a run's config.json; those given here override them").takes({
    paths: 'files',
  });
