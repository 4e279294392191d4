import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { openDevice } from '@tapegrad/node';
import { packDigits } from './build/digits.ts';
import { digitsOf } from './src/data/images.ts';
import type { StoredRun } from './src/data/run-store.ts';
import type { Experiment, FromTrainer } from './src/train/protocol.ts';
import { encodeRecorded } from './src/train/recorded.ts';
import { TrainSession } from './src/train/session.ts';

/*
 * Records a run for browsers that cannot train: `npx tsx site/record.ts`. What the page's worker says is written down, of a
 * session that runs in Node.
 */

const experiment: Experiment = { model: 'vae', options: {}, seed: 0, images: 10_000, data: 'mnist' };
const device = await openDevice();
const data = digitsOf(new Uint8Array(gunzipSync(await packDigits())));
const said: FromTrainer[] = [];
const versions = { tapegrad: '0.1.0', node: process.versions.node };
const session = new TrainSession({ device, data, post: (message) => said.push(message), versions });
await session.open(experiment, undefined);
session.go();
await session.idle;
const all = <K extends FromTrainer['kind']>(kind: K) =>
  said.filter((message): message is Extract<FromTrainer, { kind: K }> => message.kind === kind);
for (const { message } of all('failed')) throw new Error(message);

const steps = all('steps').flatMap((message) => message.steps);
const names = Object.keys(steps[0]!.metrics);
const run: StoredRun = {
  id: 'recorded',
  name: 'vae, recorded in Node',
  experiment,
  created: 0,
  color: 0,
  curve: {
    steps: steps.map(({ step }) => step),
    metrics: Object.fromEntries(
      names.map((name) => [name, steps.map(({ metrics }) => Number(metrics[name]!.toPrecision(5)))]),
    ),
  },
  epochs: all('epoch').map(({ record }) => record),
  betas: [],
  info: all('ready')[0]!.info,
  look: all('look').at(-1)!.look,
  done: true,
};
const file = fileURLToPath(new URL('public/recorded/train.json', import.meta.url));
writeFileSync(file, encodeRecorded(run));
process.stdout.write(`${file}: ${steps.length} steps on ${device.found.name}\n`);
process.exit(0);
