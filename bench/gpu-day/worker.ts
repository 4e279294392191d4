import type { Conditions } from './stage.ts';
import { stages } from './stages.ts';

/* One stage in a process of its own: a driver that crashes or hangs takes only this one with it. Rows, a line each. */

const [name, conditions] = process.argv.slice(2);
const stage = stages.find((one) => one.name === name);
if (!stage) throw new Error(`gpu-day: no stage is named '${name}'`);
try {
  await stage.run(JSON.parse(conditions!) as Conditions, (row) =>
    process.stdout.write(`${JSON.stringify(row)}\n`),
  );
  // Dawn keeps no handles open, but a driver's threads may linger.
  process.exit(0);
} catch (error) {
  process.stderr.write(`${(error as Error).stack ?? error}\n`);
  process.exit(1);
}
