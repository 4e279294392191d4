import { flagOf, modelOptions } from '@tapegrad/vae';
import { Command } from 'commander';
import { importRun, readWeights } from '../run/import.ts';
import { specOf } from '../run/run.ts';
import { loadData, placeOf } from '../run/run-data.ts';
import { RunFolder } from '../run/run-folder.ts';
import { loadingReport } from './loading.ts';
import { addDataOptions, addTunable, versions } from './train.ts';
import { chosenOptions, type TrainOptions } from './train-plan.ts';

interface ImportOptions extends TrainOptions {
  out: string;
  key?: string;
}

export function importCommand(): Command {
  const command = new Command('import')
    .description('make a run folder of PyTorch weights: safetensors, or a state_dict that torch.save wrote')
    .argument('<model>', 'what they are weights of')
    .argument('<weights>', 'a .safetensors, .pt or .pth file')
    .requiredOption('--out <dir>', 'the run folder')
    .option('--force', 'replace a run that is in the folder')
    .option('--key <name>', 'of a checkpoint with more than weights: the key under which they are');
  addDataOptions(command);
  addTunable(command);
  return command
    .addHelpText(
      'after',
      `
The weights have to fit by name and shape, all of them; where all names begin with module., _orig_mod., model. or the like,
and fit without it, it is left out. Their shapes tell --latent, --hidden and the like, and --network;
what they do not tell, such as --likelihood or --pixel-mean, has the model's default unless it is given. Nothing in the
file is run: of pickles, only tensors, numbers and text in dictionaries are read.`,
    )
    .action(importWeights);
}

async function importWeights(model: string, path: string, options: ImportOptions): Promise<void> {
  const spec = specOf(model);
  const chosen = chosenOptions(spec, options);
  const force = options.force ?? false;
  RunFolder.assertFree(options.out, { force });
  const weights = readWeights(path, options.key);
  const { data = 'mnist', imageSize, channels, badImages } = options;
  const images = { data, imageSize, channels, badImages, seed: 0, limit: null };
  const listener = loadingReport();
  const { shape, checksums, normalization } = await loadData({ ...images, binarize: 'none' }, listener);
  const pixels = normalization && { pixelMean: normalization.mean, pixelStd: normalization.std };
  const { folder, config } = await importRun({
    spec,
    weights,
    chosen: { ...pixels, ...chosen },
    imageShape: shape,
    onNote: listener.note,
    rest: { ...images, ...placeOf(data, options.out), checksums, versions: versions(), logEvery: 10 },
    folder: () => RunFolder.claim(options.out, { force, waiting: listener.note }),
  });
  const told = Object.keys(modelOptions).flatMap((name) =>
    name in spec.defaults ? [`--${flagOf(name)} ${config[name as keyof typeof config]}`] : [],
  );
  process.stderr.write(`${model}: ${config.parameters.toLocaleString('en')} parameters, ${told.join(' ')}\n`);
  process.stdout.write(`${folder.path}\n`);
}
