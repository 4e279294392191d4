import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { optionsOf, wholeNumber } from './helpers/script.ts';
import { killAndResume, memoryOver } from './helpers/torture.ts';

/*
 * `npm run torture`: kills a training at random moments, resumes it each time, and compares what it ends with with one that
 * nobody disturbed; then trains for long and looks at the memory.
 */

const USAGE = `npm run torture -- [options]    trainings that are killed and resumed, and one that takes long
  --kills N         at random moments, 0: none; default: 50
  --steps N         of the long one, 0: none; default: 10000
  --seed N          other moments; default: 0
  --adapter NAME    as for tapegrad train`;

const { values } = optionsOf(USAGE, {
  options: {
    kills: { type: 'string', default: '50' },
    steps: { type: 'string', default: '10000' },
    seed: { type: 'string', default: '0' },
    adapter: { type: 'string', default: 'auto' },
  },
});
const kills = wholeNumber('--kills', values.kills, 0);
const steps = wholeNumber('--steps', values.steps, 0);
const seed = wholeNumber('--seed', values.seed, 0);

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
