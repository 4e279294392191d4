/* Runs without an adapter. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arrange } from '../../packages/tapegrad/src/data/arrange.ts';
import { halvesOf, splitNameOf } from '../../packages/tapegrad/src/data/split-names.ts';

const divide = (paths: readonly string[], others: readonly string[] = []) => {
  const files = [...paths].sort().map((path) => ({ path, size: 1, modified: 0 }));
  const { train, test: held, notes } = arrange('/no/such/folder', files, others);
  const short = ({ files, labels }: typeof train) =>
    files.map(({ path }, i) => (labels ? `${path}=${labels[i]}` : path)).sort();
  return { train: short(train), test: short(held), notes };
};

// ------------------------------------------------------------------------------------------------------------- names

const meaning: Record<string, readonly string[]> = {
  train: [
    ...['train', 'Train', 'TRAIN', 'training', 'Training', 'TRAINING_SET', 'training-set', 'Training Data'],
    ...['train_images', 'train2017', 'trainA', 'TrainImages', 'trainset', '01_train', 'train (1)', 'x_train'],
    ...['imgs_train', 'train-128x128', 'trainval', 'train+val', 'TrainIMG'],
  ],
  test: [
    ...['test', 'Test', 'TESTING', 'tests', 'test_set', 'TestSet2', 'test1', 'images-test', 'testB'],
    ...['val', 'Valid', 'validation', 'VALIDATION_SET', 'val2017', 'valset', 'validation_images'],
    ...['dev', 'Development Set', 'eval', 'Evaluation', 'holdout', 'hold-out', 'Held Out', 'HOLD_OUT_SET'],
  ],
  neither: [
    'contest',
    'latest',
    'Valentino',
    'valley',
    'interval',
    'raining',
    'devkit',
    'cat',
    'trains',
    'strain',
  ],
};
for (const [half, names] of Object.entries(meaning)) {
  test(`names: ${half}`, () => {
    for (const name of names) {
      const found = splitNameOf(name);
      assert.is(found === undefined ? 'neither' : found === 'both' ? 'both' : found.half, half, name);
    }
  });
}

test('names: one for both halves is none', () => {
  for (const name of ['train_test_split', 'test-train', 'TrainTest'])
    assert.is(splitNameOf(name), 'both', name);
});

const neighbours: [names: string[], train: string[], test: string[]][] = [
  [['Training', 'Testing'], ['Training'], ['Testing']],
  [['train', 'val', 'test'], ['train'], ['test']],
  [['train', 'val', 'dev'], ['train'], ['val']],
  [['train', 'trainval', 'holdout', 'eval'], ['train'], ['holdout']],
  [['trainval', 'test'], ['trainval'], ['test']],
  [['train2014', 'train2017', 'val2017'], ['train2014', 'train2017'], ['val2017']],
  [
    ['trainA', 'trainB', 'testA', 'testB'],
    ['trainA', 'trainB'],
    ['testA', 'testB'],
  ],
  [['DIV2K_train_HR', 'DIV2K_valid_HR'], ['DIV2K_train_HR'], ['DIV2K_valid_HR']],
  [['bounding_box_test', 'bounding_box_train', 'query'], ['bounding_box_train'], ['bounding_box_test']],
  [['train', 'PublicTest', 'PrivateTest'], ['train'], ['PublicTest', 'PrivateTest']],
  [['train', 'train_masks', 'test'], ['train'], ['test']],
];
for (const [names, train, held] of neighbours) {
  test(`names: ${names.join(' ')}`, () => assert.equal(halvesOf(names), { train, test: held }));
}

test('names: no pair', () => {
  for (const names of [
    ['train', 'bus', 'car'], // a vehicle
    ['steam_train', 'crash_test', 'dog'],
    ['train', 'crash_test', 'dog'],
    ['train_lowres', 'test_highres'],
    ['val', 'test'],
    ['train_test_split', 'images'],
  ])
    assert.is(halvesOf(names), undefined, names.join());
});

// ------------------------------------------------------------------------------------------------------------ folders

const classes = (prefix: string, count: number) =>
  ['cat', 'dog'].flatMap((name) => Array.from({ length: count }, (_, i) => `${prefix}${name}/${i}.jpg`));

test('folders: training and testing, with classes, and a line that says so', () => {
  const { train, test: held, notes } = divide([...classes('Training/', 2), ...classes('Testing/', 1)]);
  assert.equal(train, [
    'Training/cat/0.jpg=0',
    'Training/cat/1.jpg=0',
    'Training/dog/0.jpg=1',
    'Training/dog/1.jpg=1',
  ]);
  assert.equal(held, ['Testing/cat/0.jpg=0', 'Testing/dog/0.jpg=1']);
  assert.equal(notes, ['the training set is Training, the test set Testing']);
});

test('folders: those whose names are plain need no line', () => {
  assert.equal(divide(['d/TRAIN/1.png', 'd/Valid/2.png']).notes, []);
});

for (const [what, train, held] of [
  ['once more of the same name', 'seg_train/seg_train/', 'seg_test/seg_test/'],
  ['in a folder of images', 'train/images/', 'test/images/'],
  ['in such a folder on one side only', 'train/images/', 'test/'],
  ['deep', 'a/b/train/', 'a/b/holdout-set/'],
] as const) {
  test(`folders: classes ${what}`, () => {
    const divided = divide([...classes(train, 1), ...classes(held, 1)]);
    assert.equal(divided.train, [`${train}cat/0.jpg=0`, `${train}dog/0.jpg=1`]);
    assert.equal(divided.test, [`${held}cat/0.jpg=0`, `${held}dog/0.jpg=1`]);
  });
}

test('folders: a split below, beside something else', () => {
  const { train, test: held, notes } = divide(['images/train/1.png', 'images/val/2.png', 'cover.png']);
  assert.equal([train, held], [['images/train/1.png'], ['images/val/2.png']]);
  assert.equal(notes, ['1 images outside images/train/ and images/val/ are left out, such as cover.png']);
});

test('folders: a split in each class', () => {
  const {
    train,
    test: held,
    notes,
  } = divide([
    ...['bottle', 'cable'].flatMap((name) => [`${name}/train/good/0.png`, `${name}/test/good/1.png`]),
    'bottle/test/broken/2.png',
    'bottle/ground_truth/broken/2.png',
  ]);
  assert.equal(train, ['bottle/train/good/0.png=0', 'cable/train/good/0.png=1']);
  assert.equal(held, ['bottle/test/broken/2.png=0', 'bottle/test/good/1.png=0', 'cable/test/good/1.png=1']);
  assert.equal(notes, [
    'the training set is train, the test set test in each of 2 folders',
    '1 images outside these are left out, such as bottle/ground_truth/broken/2.png',
  ]);
});

test('folders: a test set of other classes has none, and a line says why', () => {
  const { test: held, notes } = divide([...classes('train/', 1), 'test/Cat/1.jpg', 'test/dog/1.jpg']);
  assert.equal(held, ['test/Cat/1.jpg', 'test/dog/1.jpg']);
  assert.equal(notes, ["the test set has no classes: its Cat is none of the training set's"]);
});

// ------------------------------------------------------------------------------------------------- what is none, aloud

test('lookalikes: a folder without its other half', () => {
  const { train, notes } = divide([...classes('', 10), 'train/1.jpg', 'train/2.jpg']);
  assert.ok(train.includes('train/1.jpg=2'));
  assert.is(notes.length, 1);
  assert.match(notes[0]!, /^train\/: looks like a part of a split, but no other part is beside it/);
  assert.match(divide(['a.jpg', 'b.jpg', 'test/1.jpg']).notes[0]!, /^test\/: looks like/);
  // Most images lie elsewhere.
  const most = divide([...classes('', 10), 'dog/train/1.jpg', 'dog/test/1.jpg']);
  assert.match(most.notes[0]!, /^dog\/test\/, dog\/train\/: looks like/);
});

test('lookalikes: lists', () => {
  const { notes } = divide(classes('images/', 5), ['meta/train.txt', 'meta/test.txt', 'README.txt']);
  assert.is(notes.length, 1);
  assert.match(notes[0]!, /^meta\/train.txt, meta\/test.txt: lists of a split are not read/);
  assert.match(divide(classes('', 5), ['train_test_split.txt']).notes[0]!, /^train_test_split.txt: lists/);
  assert.equal(divide(classes('', 5), ['train.txt', 'test.py']).notes, []);
});

test('lookalikes: names of files', () => {
  const { notes } = divide(['x/train_1.jpg', 'x/train_2.jpg', 'x/test_1.jpg']);
  assert.is(notes.length, 1);
  assert.match(notes[0]!, /^x\/train_1.jpg, x\/test_1.jpg: names of files make no split/);
  assert.equal(divide(['train_1.jpg', 'test_1.jpg', 'cat.jpg']).notes, []);
  assert.equal(divide(['test1.jpg', 'test2.jpg']).notes, []);
});

test('lookalikes: a single folder that holds everything needs no line', () => {
  assert.equal(divide(classes('train/', 5)).notes, []);
});

test.run();
