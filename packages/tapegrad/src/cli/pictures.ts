import {
  NoPicture,
  type Picture,
  type PictureName,
  pictureNeeds,
  pictures,
  type Subject,
} from '@tapegrad/vae';
import { UserError } from '../errors.ts';
import { offerCodeSummary, readCodeSummary } from '../run/code-summary.ts';
import { drawPicture } from '../run/draw.ts';
import { type OpenRun, openRun, readRun, readRunConfig } from '../run/run.ts';
import { dataForRun } from '../run/run-data.ts';
import { RunFolder } from '../run/run-folder.ts';
import { headingOf, subjectOf, writeCurves, writePicture } from '../run/run-pictures.ts';
import { openAdapter } from './device.ts';
import { loadingReport, tellNotes } from './loading.ts';

interface PictureOptions {
  adapter: string;
  data?: string;
  image?: number;
  from?: number[];
  to?: number[];
  images?: number[];
  dimensions?: number[];
}

/** The commands that draw a picture. */
export async function draw(path: string, name: PictureName, options: PictureOptions): Promise<void> {
  const { from, to, images, dimensions } = options;
  if (from?.length !== to?.length)
    throw new UserError('--from and --to must name equally many images: each line goes from one to one');
  if (dimensions && dimensions.length !== 2)
    throw new UserError(`--dimensions ${dimensions}: name two, such as 0,1`);
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
    const path = await writePicture(folder, name, await drawPicture(made, headingOf(config)));
    process.stdout.write(`${path}\n`);
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
  const summary = asked === undefined ? readCodeSummary(folder, model.latentSize) : undefined;
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

/** The command `curves`. */
export async function drawCurves(path: string): Promise<void> {
  const folder = RunFolder.open(path);
  const written = await writeCurves(folder, headingOf(readRunConfig(folder).config));
  if (!written) throw new UserError(`${path}: no such picture: no epoch of the run is complete`);
  process.stdout.write(`${written}\n`);
}
