import { existsSync } from 'node:fs';
import { UserError } from 'tapegrad/node';
import { compare, describeComparison } from './compare.ts';
import { gpuDay } from './gpu-day/main.ts';
import { isa } from './isa/isa.ts';
import { HELP, parseOptions } from './options.ts';
import { pageOf } from './page.ts';
import { readResults, writeAtomically } from './results-file.ts';
import { type Log, listRows, openWanted, runSuite } from './suite.ts';

/* `npm run bench`: see `--help` and docs/benchmarks.md. */

/** Dawn rounds timestamps to 0.1 ms otherwise. */
const EXACT_TIMES = ['-timestamp_quantization'];

async function main(argv: readonly string[]): Promise<number> {
  if (argv[0] === 'tune') return tune(argv.slice(1));
  if (argv[0] === 'isa') return isa(argv.slice(1));
  if (argv[0] === 'gpu-day') return gpuDay(argv.slice(1));
  const options = parseOptions(argv);
  if (options.help) {
    process.stdout.write(HELP);
    return 0;
  }
  if (options.list) {
    process.stdout.write(`${(await listRows(options)).join('\n')}\n`);
    return 0;
  }
  // Before minutes of measuring, not after.
  const before = options.compare === undefined ? undefined : readResults(options.compare);
  const device = await openWanted(options, EXACT_TIMES).catch((error: Error) => {
    throw new UserError(error.message);
  });
  process.stderr.write(`${device.found.announcement}\n`);
  if (before && before.adapter.name !== device.found.name) {
    throw new UserError(
      `--compare ${options.compare}: was measured on ${before.adapter.name}, and this is ${device.found.name}: name ` +
        'the adapter with --adapter, or a file from this one',
    );
  }
  const results = await runSuite(options, device, consoleLog());
  if (options.json !== undefined) writeAtomically(options.json, `${JSON.stringify(results, null, 1)}\n`);
  if (options.html !== undefined) writeAtomically(options.html, pageOf(results));
  if (!before) return 0;
  const comparison = compare(before, results);
  process.stdout.write(`\n${describeComparison(comparison, options.compare!)}\n`);
  return comparison.slower.length > 0 ? 1 : 0;
}

async function tune(argv: readonly string[]): Promise<number> {
  const url = new URL('./tune.ts', import.meta.url);
  if (!existsSync(url)) throw new UserError('tune: bench/tune.ts is not here');
  const module = (await import(url.href)) as { tune(argv: readonly string[]): Promise<number | undefined> };
  return (await module.tune(argv)) ?? 0;
}

/** Results on stdout; what is going on, on stderr, where somebody is watching. */
function consoleLog(): Log {
  const watched = process.stderr.isTTY;
  return {
    line: (text) => process.stdout.write(`${text}\n`),
    progress: (text) => {
      if (watched) process.stderr.write(`\r\u001b[K${text.slice(0, (process.stderr.columns ?? 80) - 1)}`);
    },
  };
}

try {
  // Dawn keeps no handles open, but peers and a driver's threads may linger.
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  const known = error instanceof UserError;
  process.stderr.write(`bench: ${known ? error.message : ((error as Error).stack ?? error)}\n`);
  // 1 means that something became slower.
  process.exit(2);
}
