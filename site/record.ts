import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { openDevice } from '@tapegrad/node';
import { packDigits } from './build/digits.ts';
import { examples } from './src/autograd/examples.ts';
import { inspect } from './src/autograd/inspect.ts';
import { digitsOf } from './src/data/images.ts';
import type { StoredRun } from './src/data/run-store.ts';
import type { Experiment, FromTrainer } from './src/train/protocol.ts';
import { encodeRecorded } from './src/train/recorded.ts';
import { TrainSession } from './src/train/session.ts';

/*
 * Records what pages show in browsers without WebGPU: `npx tsx site/record.ts`. What their workers say is written down, of
 * sessions that run in Node.
 */

const to = (name: string) => fileURLToPath(new URL(`public/recorded/${name}`, import.meta.url));
const device = await openDevice();

// ------------------------------------------------------------------------------------------------ examples of autograd

const inspections: Record<string, unknown> = {};
for (const { code } of examples) inspections[code] = { program: (await inspect(code, device)).program };
writeFileSync(to('autograd.json'), `${JSON.stringify(inspections)}\n`);

// -------------------------------------------------------------------------------------------------------------- a run

const experiment: Experiment = { model: 'vae', options: {}, seed: 0, images: 10_000, data: 'mnist' };
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
writeFileSync(to('train.json'), encodeRecorded(run));
process.stdout.write(
  `recorded ${examples.length} examples and ${steps.length} steps on ${device.found.name}\n`,
);
process.exit(0);
