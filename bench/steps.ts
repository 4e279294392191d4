/**
 * Training steps of the models at their default batch: milliseconds and images a second, captured; launches, host time
 * of a replay, and memory. `--profile` adds the time of every launch.
 *
 *     npm run bench [-- [--adapter NAME] [--profile] [MODEL …]]
 */
import { parseArgs } from 'node:util';
import { Adam } from '@tapegrad/nn';
import { capture, Generator, setDefaultDevice } from '@tapegrad/tensor';
import { openDevice } from '@tapegrad/tensor/node';
import { models, Pass, runTrainingStep, settingsOf } from '@tapegrad/vae';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { adapter: { type: 'string', default: 'auto' }, profile: { type: 'boolean', default: false } },
});
const device = await openDevice(values.adapter);
setDefaultDevice(device);
console.log(device.found.announcement);

const REPETITIONS = 9;
const shape = [1, 28, 28] as const;
const images = Uint8Array.from({ length: 784 * 1000 }, (_, i) => (i * 7) % 256);
const median = (list: number[]) => [...list].sort((a, b) => a - b)[list.length >> 1]!;

for (const spec of models.values()) {
  if (positionals.length > 0 && !positionals.includes(spec.name)) continue;
  const { batchSize } = spec.defaults;
  const generator = new Generator(0);
  const model = spec.build(shape, settingsOf(spec), generator);
  const optimizer = new Adam(model.parameters());
  const pass = new Pass(model, { images, count: 1000 }, { rows: 64, noise: generator, device });
  const context = { noise: generator, epoch: () => pass.stepCount() };
  const step = capture((count: number) => {
    runTrainingStep(model, optimizer, pass, context, count);
  });
  const started = performance.now();
  step(batchSize);
  await device.synchronize();
  const first = performance.now() - started;
  const [program] = step.programs;
  const total: number[] = [];
  const host: number[] = [];
  for (let i = 0; i < REPETITIONS; i++) {
    const start = performance.now();
    step(batchSize);
    host.push(performance.now() - start);
    await device.synchronize();
    total.push(performance.now() - start);
  }
  const ms = median(total);
  console.log(
    `${spec.name.padEnd(8)} batch ${batchSize}: ${ms.toFixed(1)} ms (${Math.min(...total).toFixed(1)} to ${Math.max(...total).toFixed(1)}), ` +
      `${Math.round((batchSize / ms) * 1000)} images/s, ${program!.launches} launches, host ${median(host).toFixed(2)} ms, ` +
      `temporaries ${(program!.memory.planned / 1e6).toFixed(1)} MB (largest live set ${(program!.memory.liveSet / 1e6).toFixed(1)} MB), first step ${(first / 1000).toFixed(1)} s`,
  );
  if (values.profile) {
    const times = await program!.profile();
    program!.dispatches.forEach(({ op, kernel }, i) => {
      console.log(`  ${(times[i]! / 1e6).toFixed(3).padStart(9)} ms  ${op} (${kernel.label})`);
    });
  }
}
device.destroy();
