import { fuzzTargets } from './fuzz-targets.ts';
import { fuzz } from './helpers/fuzz.ts';
import { optionsOf, pattern, refuse, wholeNumber } from './helpers/script.ts';
import { temporaryFolder } from './helpers/temporary.ts';

/* `npm run fuzz`: mutates good files for every parser of foreign bytes until the time is over, from another seed in each round. */

const USAGE = `npm run fuzz -- [options]    mutated files for every parser
  --seconds N       for how long; default: 60
  --seed N          of the first round; default: from the clock
  --only PATTERN    parsers whose names match`;

const { values } = optionsOf(USAGE, {
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string', default: '.' },
  },
});
const end = performance.now() + 1000 * wholeNumber('--seconds', values.seconds, 1);
const only = pattern(values.only);
let seed = wholeNumber('--seed', values.seed ?? `${Date.now() % 2 ** 31}`, 0);
const targets = (await fuzzTargets(temporaryFolder())).filter(({ name }) => only.test(name));
if (targets.length === 0) refuse(`no parser's name matches ${only}`);
for (; performance.now() < end; seed++) {
  for (const target of targets) await fuzz(target, 1000, seed);
  process.stdout.write(`seed ${seed}: 1,000 inputs for each of ${targets.length} targets\n`);
}
