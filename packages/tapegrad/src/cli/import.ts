import { flagOf, modelOptions } from '@tapegrad/vae';
import { specOf } from '../models.ts';
import { importRun, readWeights } from '../run/import.ts';
import { loadData, placeOf } from '../run/run-data.ts';
import { RunFolder } from '../run/run-folder.ts';
import { versions } from '../versions.ts';
import { loadingReport } from './loading.ts';
import { chosenOptions, type TrainOptions } from './train-plan.ts';

interface ImportOptions extends TrainOptions {
  out: string;
  key?: string;
}

/** The command `import`. */
export async function importWeights(model: string, path: string, options: ImportOptions): Promise<void> {
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
