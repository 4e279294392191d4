import { tensor } from '@tapegrad/tensor';
import { Command } from 'commander';
import { Evaluation } from '../evaluation.ts';
import { dataForRun, openRun, readRun } from '../node/run.ts';
import { ADAPTER_HELP, openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description("a run's figures on the test set")
    .argument('<run>', 'a run folder')
    .option('--data <name>', "another dataset than the run's own")
    .option('--adapter <which>', ADAPTER_HELP, 'auto')
    .option('--json', 'as one JSON object')
    .action(evaluate);
}

async function evaluate(
  path: string,
  options: { data?: string; adapter: string; json?: boolean },
): Promise<void> {
  const stored = readRun(path);
  const data = await dataForRun(stored, options.data, loadingReport());
  const device = await openAdapter(options.adapter);
  const { config, spec, model } = openRun(stored, device);
  const epoch = () => tensor(config.epochs, { device });
  const test = await new Evaluation(model, data.test, config.seed, epoch, device).run();
  const nats = model.nats(test);
  const units = spec.units(config);
  const result = {
    run: path,
    model: config.model,
    data: data.name,
    images: data.test.count,
    units,
    test,
    ...(nats ? { nats } : {}),
  };
  if (options.json) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
    return;
  }
  const rows = [
    ...Object.entries(test).map(([name, value]) => [
      name,
      value.toPrecision(6),
      name === 'loss' ? units : '',
    ]),
    ...Object.entries(nats ?? {}).map(([name, value]) => [
      `${name} (nats)`,
      value.toFixed(3),
      'per image, constants included',
    ]),
  ];
  const lines = rows.map(([name, value, unit]) =>
    `  ${name!.padEnd(24)}${value!.padStart(12)}  ${unit}`.trimEnd(),
  );
  process.stdout.write(
    `${config.model} on ${data.test.count} test images of ${data.name}\n${lines.join('\n')}\n`,
  );
}
