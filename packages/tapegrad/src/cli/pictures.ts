import {
  NoPicture,
  type Picture,
  type PictureName,
  pictureNeeds,
  pictures,
  type Subject,
} from '@tapegrad/vae';
import { Command, InvalidArgumentError } from 'commander';
import { UserError } from '../errors.ts';
import { offerCodeSummary, readCodeSummary } from '../run/code-summary.ts';
import { drawPicture } from '../run/draw.ts';
import { type OpenRun, openRun, readRun, readRunConfig } from '../run/run.ts';
import { dataForRun } from '../run/run-data.ts';
import { RunFolder } from '../run/run-folder.ts';
import { headingOf, subjectOf, writeCurves, writePicture } from '../run/run-pictures.ts';
import { ADAPTER_HELP, DATA_HELP, openAdapter } from './device.ts';
import { loadingReport, tellNotes } from './loading.ts';
import { real, whole } from './options.ts';

/** The commands that draw a picture of a run into its folder. */
export function pictureCommands(): Command[] {
  return [
    picture('sample', 'draw images from the prior', 'samples')
      .option('--count <n>', 'images', whole(1), 64)
      .option('--seed <n>', 'of the draws', whole(0), 0),
    picture('reconstruct', 'the held-out images and what the model makes of them', 'reconstructions').option(
      '--images <i,j…>',
      'these images of the test set instead',
      indices,
    ),
    plane(picture('grid', 'decode a grid over two latent dimensions, the others 0', 'latent-grid'))
      .option('--range <x>', 'from −x to x (default: 3; of vae-blog: 1)', real({ above: 0 }))
      .option('--points <n>', 'steps along each dimension', whole(1), 11),
    plane(
      picture('manifold', 'two latent dimensions through the inverse distribution of the prior', 'manifold'),
    ).option('--points <n>', 'steps along each dimension', whole(1), 20),
    picture(
      'traverse',
      'each latent dimension in a row of its own, the largest KL divergence first',
      'traversals',
    )
      .option('--range <x>', 'from −x to x', real({ above: 0 }), 3)
      .option('--points <n>', 'steps along each dimension', whole(1), 11)
      .option('--rows <n>', 'dimensions at most', whole(1), 20)
      .option('--image <i>', 'the others at the code of this test image instead of 0', whole(0)),
    picture('interpolate', 'between the codes of test images, along straight lines', 'interpolation')
      .option('--from <i,j…>', 'test images to start from (default: the held-out ones, two by two)', indices)
      .option('--to <i,j…>', 'and to end at, as many', indices)
      .option('--points <n>', 'steps between them, ends included', whole(2), 9),
    plane(picture('scatter', 'the first 5,000 training images in latent space', 'scatter')),
    picture(
      'pca',
      'training images along the two directions in which their codes vary the most',
      'principal',
    ),
    picture(
      'posteriors',
      'where the encoder sees the held-out images in each latent dimension, over the prior',
      'posteriors',
    )
      .option('--images <i,j…>', 'these images of the test set instead', indices)
      .option('--rows <n>', 'dimensions at most', whole(1), 20),
    picture('histograms', 'how μ and σ of each latent dimension are distributed', 'histograms').option(
      '--rows <n>',
      'dimensions at most',
      whole(1),
      20,
    ),
    new Command('curves')
      .description('the learning curves, of training and test')
      .argument('<run>', 'a run folder')
      .addHelpText('after', '\nWrites images/curves.png in the run folder and prints its path.')
      .action(drawCurves),
    picture('kl', 'KL divergence of each latent dimension, and which are active', 'kl'),
  ];
}

const plane = (command: Command): Command =>
  command.option('--dimensions <i,j>', 'which two, from 0 (default: those that tell the most)', indices);

function picture(command: string, description: string, name: PictureName): Command {
  return new Command(command)
    .description(description)
    .argument('<run>', 'a run folder')
    .option('--data <name>', DATA_HELP)
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .addHelpText('after', `\nWrites images/${name}.png in the run folder and prints its path.`)
    .action((path: string, options: PictureOptions) => draw(path, name, options));
}

interface PictureOptions {
  adapter: string;
  data?: string;
  image?: number;
  from?: number[];
  to?: number[];
  images?: number[];
  dimensions?: number[];
}

async function draw(path: string, name: PictureName, options: PictureOptions): Promise<void> {
  const { from, to, images, dimensions } = options;
  if (from?.length !== to?.length)
    throw new UserError('--from and --to take as many images: each line goes from one to one');
  if (dimensions && dimensions.length > 2)
    throw new UserError(`--dimensions ${dimensions}: two can be drawn`);
  const run = openRun(readRun(path), await openAdapter(options.adapter));
  const { folder, config } = run;
  const subject = await subjectFor(run, name, options);
  const pairs = from?.map((index, k) => [index, to![k]!] as const);
  const make = pictures[name] as (subject: Subject, options: object) => Promise<Picture>;
  try {
    const made = await make(subject, {
      ...options,
      ...(pairs && { pairs }),
      ...(images && { indices: images }),
    });
    process.stdout.write(`${writePicture(folder, name, await drawPicture(made, headingOf(config)))}\n`);
  } catch (error) {
    if (error instanceof NoPicture) throw new UserError(`${path}: no such picture: ${error.message}`);
    throw error;
  }
}

/** The run with what the picture needs, and no more: its images may be gone. */
async function subjectFor(run: OpenRun, name: PictureName, options: PictureOptions): Promise<Subject> {
  const { model, folder } = run;
  const { data: asked, dimensions, image } = options;
  const isGiven = name === 'latent-grid' && dimensions !== undefined;
  const needs = image !== undefined ? 'images' : isGiven ? 'nothing' : pictureNeeds[name];
  const summary = asked === undefined ? readCodeSummary(folder, latentSize(model)) : undefined;
  if (needs === 'nothing' || (needs === 'codes' && summary)) return subjectOf(model, undefined, summary);
  const listener = loadingReport();
  try {
    const { data, notes } = await dataForRun(run, asked, listener);
    tellNotes(folder.path, notes, listener);
    const subject = subjectOf(model, data, summary);
    if (!summary && !notes.train) await offerCodeSummary(folder, subject);
    return subject;
  } catch (error) {
    const subject = subjectOf(model, undefined);
    const isPossible = needs === 'codes' && name !== 'kl' && subject.isVector && subject.isStochastic;
    if (!(error instanceof UserError) || asked !== undefined || !isPossible) throw error;
    listener.note(`${error.message}; until then latent dimensions are taken in their own order`);
    return subject;
  }
}

const latentSize = ({ latentShape }: OpenRun['model']) =>
  latentShape.reduce((product, extent) => product * extent, 1);

async function drawCurves(path: string): Promise<void> {
  const folder = RunFolder.open(path);
  const written = await writeCurves(folder, headingOf(readRunConfig(folder).config));
  if (!written) throw new UserError(`${path}: no such picture: no epoch of the run is complete`);
  process.stdout.write(`${written}\n`);
}

/** `3,1,4` */
function indices(text: string): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)));
  if (numbers.every((n) => Number.isSafeInteger(n) && n >= 0)) return numbers;
  throw new InvalidArgumentError('It has to be whole numbers, 0 or more, with commas between them.');
}
