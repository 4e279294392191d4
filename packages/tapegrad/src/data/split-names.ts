/** The half of a dataset that a name means. */
export interface SplitName {
  readonly half: 'train' | 'test';
  /** If several mean the same half, those of the lowest rank are taken: a test set before a validation set. */
  readonly rank: number;
  /** The rest of the name, in which the halves of a dataset agree, as `DIV2K_train_HR` and `DIV2K_valid_HR` do. */
  readonly rest: string;
}

const WORDS: readonly (readonly [half: SplitName['half'], rank: number, words: string])[] = [
  ['train', 0, 'train|training|trn'],
  ['train', 1, 'trainval|trainvalid'],
  ['test', 0, 'test|testing|tests|tst'],
  ['test', 1, 'holdout|heldout'],
  ['test', 2, 'eval|evaluation|evaluate'],
  ['test', 3, 'val|valid|validation|validate'],
  ['test', 4, 'dev|devel|development'],
];

/** Words that say neither which half nor which dataset is meant. */
const FILLER =
  'sets?|datas?|datasets?|images?|imgs?|pics?|photos?|pictures?|samples?|examples?|splits?|folders?|dirs?|parts?|files?|jpe?gs?|pngs?';
const isFiller = new RegExp(`^(${FILLER}|x|a|b|of|the|\\d+)+$`);
/** The word may be joined to fillers: `trainset`, `imgtrain`. */
const patterns = WORDS.map(
  ([half, rank, words]) =>
    ({ half, rank, pattern: new RegExp(`^(${FILLER}|x)*(${words})(${FILLER})*$`) }) as const,
);

/** A name's words in lower case, split between letters and digits, small letters and capitals, and at anything else. */
const wordsOf = (name: string): string[] =>
  name
    .replace(/h[eo]ld[^a-z]?out/i, 'holdout')
    .replace(/(\p{Ll})(\p{Lu})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+|(?<=\p{L})(?=\p{N})|(?<=\p{N})(?=\p{L})/u)
    .filter((word) => word !== '');

/**
 * The half that the name of a folder or file means, in the spellings that people use: `Train`, `TRAINING_SET`,
 * `train_images`, `train2017`, `trainA`, `01-validation`, `hold-out`. Undefined if it means none, `'both'` if it has a
 * word for each, as in `train_test_split`.
 */
export function splitNameOf(name: string): SplitName | 'both' | undefined {
  const rest: string[] = [];
  const found: Pick<SplitName, 'half' | 'rank'>[] = [];
  for (const word of wordsOf(name)) {
    const known = patterns.find(({ pattern }) => pattern.test(word));
    if (known) found.push(known);
    else if (!isFiller.test(word)) rest.push(word);
  }
  const [first, second] = found;
  if (!first) return undefined;
  if (found.length === 1) return { half: first.half, rank: first.rank, rest: rest.join(' ') };
  // `train+val`: all but the test set.
  const together =
    found.length === 2 && first.half === 'train' && second!.half === 'test' && second!.rank === 3;
  if (together) return { half: 'train', rank: 1, rest: rest.join(' ') };
  return found.every(({ half }) => half === first.half)
    ? { half: first.half, rank: Math.min(...found.map(({ rank }) => rank)), rest: rest.join(' ') }
    : 'both';
}

/** The names, among neighbours, that make up the two halves. */
export interface Halves {
  readonly train: readonly string[];
  readonly test: readonly string[];
}

/**
 * Which of some neighbours are the training set and which the test set; undefined unless there are both. The rest of
 * their names must be the same; but if every neighbour means one half or the other, one side may have more (`train` and
 * `PublicTest`).
 */
export function halvesOf(names: readonly string[]): Halves | undefined {
  const known = names.flatMap((name) => {
    const meaning = splitNameOf(name);
    return meaning && meaning !== 'both' ? [{ name, ...meaning }] : [];
  });
  const train = known.filter(({ half }) => half === 'train');
  const test = known.filter(({ half }) => half === 'test');
  const [ofTrain, ofTest] = [train, test].map((half) => new Set(half.map(({ rest }) => rest)));
  const shared = [...ofTrain!].filter((rest) => ofTest!.has(rest));
  const agreeing = shared.includes('') ? [''] : shared;
  const oneSided = known.length === names.length && (isPlain(ofTrain!) || isPlain(ofTest!));
  if (agreeing.length === 0 && !oneSided) return undefined;
  const taken = (half: typeof known) =>
    leastOfRank(agreeing.length > 0 ? half.filter(({ rest }) => agreeing.includes(rest)) : half);
  return train.length > 0 && test.length > 0 ? { train: taken(train), test: taken(test) } : undefined;
}

const isPlain = (rests: ReadonlySet<string>) => rests.size === 1 && rests.has('');

function leastOfRank(half: readonly (SplitName & { name: string })[]): string[] {
  const least = Math.min(...half.map(({ rank }) => rank));
  return half.filter(({ rank }) => rank === least).map(({ name }) => name);
}
