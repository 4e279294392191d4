import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { fuzzTargets } from './fuzz-targets.ts';
import { fuzz } from './helpers/fuzz.ts';

/*
 * `npm run fuzz`: mutates good files for every parser of foreign bytes until the time is over, from another seed in each
 * round. Options: `--seconds N` (60), `--seed N` (that of the first round; default: from the clock), `--only PATTERN`.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string' },
    only: { type: 'string', default: '.' },
  },
});
const end = performance.now() + 1000 * Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'tapegrad-fuzz-'));
try {
  const targets = (await fuzzTargets(folder)).filter(({ name }) => new RegExp(values.only).test(name));
  if (targets.length === 0) throw new Error(`no target matches ${values.only}`);
  let seed = Number(values.seed ?? Date.now() % 2 ** 31);
  for (; performance.now() < end; seed++) {
    for (const target of targets) await fuzz(target, 1000, seed);
    process.stdout.write(`seed ${seed}: 1,000 inputs for each of ${targets.length} targets\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
