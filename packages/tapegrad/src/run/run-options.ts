import { excerpt } from '@tapegrad/tensor';
import { faultOf, type Option } from '@tapegrad/vae';
import { badImagesChoices } from '../choices.ts';

/* What `config.json` holds in addition to the options of models and trainer. */

const whole = (least: number, value: number): Option => ({ kind: 'whole', least, value, help: '' });

interface RunOption {
  /** The default. */
  readonly usual: unknown;
  /** What is wrong with a value, or undefined if nothing is. */
  fault(value: unknown): string | undefined;
}

const ranged = (option: Option): RunOption => ({
  usual: option.value,
  fault: (value) => faultOf(option, value),
});

const oneOf = (usual: unknown, isGood: (value: unknown) => boolean, what: string): RunOption => ({
  usual,
  fault: (value) => (isGood(value) ? undefined : what),
});

/** The options of a run that no model has. */
export const runOptions: Readonly<Record<string, RunOption>> = {
  data: oneOf('mnist', (value) => typeof value === 'string', 'a name'),
  imageSize: ranged(whole(1, 64)),
  channels: oneOf(3, (value) => value === 1 || value === 3, '1 or 3'),
  badImages: ranged({ kind: 'choice', choices: badImagesChoices, value: 'refuse', help: '' }),
  seed: ranged(whole(0, 0)),
  limit: oneOf(
    null,
    (value) => value === null || faultOf(whole(1, 1), value) === undefined,
    'a whole number, 1 or more',
  ),
  logEvery: ranged(whole(1, 10)),
  tensorboard: oneOf(true, (value) => typeof value === 'boolean', 'true or false'),
};

/** Entries of `config.json` that are not options. */
export const runFacts: ReadonlySet<string> = new Set([
  'model',
  'checksums',
  'dataPaths',
  'parameters',
  'imageShape',
  'adapter',
  'versions',
  'imported',
  'profile',
]);

/** `limit is -5, not a whole number, 1 or more`; undefined if nothing is wrong. */
export function faultIn(name: string, value: unknown, fault: string | undefined): string | undefined {
  const shown = typeof value === 'string' ? JSON.stringify(value) : value;
  return fault === undefined ? undefined : `${name} is ${excerpt(shown)}, not ${fault}`;
}
