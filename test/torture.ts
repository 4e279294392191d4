import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { killAndResume, memoryOver } from './helpers/torture.ts';

/*
 * `npm run torture`: kills a training at random moments (`--kills 50`), resumes it each time, and compares what it ends
 * with with one that nobody disturbed; then trains for long (`--steps 10000`) and looks at the memory. 0 leaves one out.
 * `--seed` chooses other moments, `--adapter` as for `tapegrad train`.
 */

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '50' },
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '0' },
    adapter: { type: 'string', default: 'auto' },
  },
});
const [kills, steps, seed] = [values.kills, values.steps, values.seed].map(Number) as [
  number,
  number,
  number,
];
if (![kills, steps, seed].every((n) => Number.isSafeInteger(n) && n >= 0))
  throw new Error('--kills, --steps and --seed take whole numbers, 0 or more');

/** More would be a leak; what is resident wanders a little by itself. */
const MOST_GROWTH = 1.05;

const root = mkdtempSync(join(tmpdir(), 'tapegrad-torture-'));
const options = { root, seed, adapter: values.adapter, say: (line: string) => console.log(line) };
try {
  if (kills > 0) {
    const runs = await killAndResume(kills, options);
    console.log(`${kills} kills in ${runs} runs: each ended with the bytes of an undisturbed one`);
  }
  if (steps > 0) {
    const resident = await memoryOver(steps, options);
    const [least, most] = [Math.min(...resident), Math.max(...resident)];
    const percent = ((100 * (most - least)) / least).toFixed(1);
    console.log(`${steps} steps: ${least} to ${most} kB, flat within ${percent} %`);
    if (most > MOST_GROWTH * resident[0]!) throw new Error(`memory grew from ${resident[0]} to ${most} kB`);
  }
} finally {
  rmSync(root, { recursive: true, force: true });
}
