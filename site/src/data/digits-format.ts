/** How many of MNIST's first images lie beside the pages. */
export const DIGITS = { train: 10_000, test: 1_000 } as const;

/** Labels (training, test), then images, gzipped. Its name says so to nobody, or some hosts would unzip it on the way. */
export const digitsFile = 'data/digits.bin';

/** SHA-256 of MNIST's four files, as Node's runs note them: a run of the page is one on MNIST's first images. */
export const mnistChecksums = {
  'train-images-idx3-ubyte': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
  'train-labels-idx1-ubyte': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
  't10k-images-idx3-ubyte': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
  't10k-labels-idx1-ubyte': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
} as const;
