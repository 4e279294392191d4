/* Runs without an adapter, for long. */
import { test } from 'uvu';
import { fuzzTargets } from '../fuzz-targets.ts';
import { fuzz } from '../helpers/fuzz.ts';
import { temporaryFolder } from '../helpers/runs.ts';

/* 2,000 mutated inputs for each parser of foreign bytes; `npm run fuzz` tries more. */

for (const target of await fuzzTargets(temporaryFolder())) {
  test(`2,000 mutations: ${target.name}`, () => fuzz(target, 2_000));
}

test.run();
