import { Command } from 'commander';
import { latentGrid, reconstructions, samples } from '../gallery.ts';
import { dataForRun, heldOut, type OpenRun, openRun, readRun } from '../node/run.ts';
import { writePicture } from '../node/train-run.ts';
import type { Raster } from '../pictures/raster.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { real, whole } from './options.ts';

/** The commands that draw a picture of a run into its folder. */
export function pictureCommands(): Command[] {
  return [
    picture('sample', 'draw images from the prior', 'samples')
      .option('--count <n>', 'images', whole(1), 64)
      .option('--seed <n>', 'of the draws', whole(0), 0)
      .action(
        draws('samples', ({ model }, { count, seed }) =>
          samples(model, { count, columns: Math.ceil(Math.sqrt(count)), seed }),
        ),
      ),
    picture('reconstruct', 'the held-out digits and what the model makes of them', 'reconstructions').action(
      draws('reconstructions', async (run) => {
        const { model } = run;
        const { bytes, labels } = heldOut(await dataForRun(run, undefined, loadingReport()));
        return reconstructions(model, bytes, { columnLabels: labels });
      }),
    ),
    picture('grid', 'decode a grid over the first two latent dimensions', 'latent-grid')
      .option('--range <x>', 'from −x to x', real({ above: 0 }), 3)
      .option('--points <n>', 'steps along each dimension', whole(1), 11)
      .action(draws('latent-grid', ({ model }, { range, points }) => latentGrid(model, { range, points }))),
  ];
}

function picture(name: string, description: string, file: string): Command {
  return new Command(name)
    .description(description)
    .argument('<run>', 'a run folder')
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .addHelpText('after', `\nWrites images/${file}.png in the run folder and prints its path.`);
}

function draws(file: string, draw: (run: OpenRun, options: any) => Promise<Raster>) {
  return async (path: string, options: { adapter: string }): Promise<void> => {
    const stored = readRun(path);
    const run = openRun(stored, await openAdapter(options.adapter));
    process.stdout.write(`${writePicture(run.folder, file, await draw(run, options))}\n`);
  };
}
