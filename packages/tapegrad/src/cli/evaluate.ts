import { type MetricsOptions, type RunMetrics, runMetrics } from '../run/metrics.ts';
import { openRun, readRun } from '../run/run.ts';
import { dataForRun } from '../run/run-data.ts';
import { openAdapter } from './device.ts';
import { loadingReport } from './loading.ts';
import { countReport } from './pace.ts';

interface EvaluateOptions {
  data?: string;
  samples: number;
  images: number;
  adapter: string;
  json?: boolean;
}

/** The command `evaluate`. */
export async function evaluate(path: string, options: EvaluateOptions): Promise<void> {
  const stored = readRun(path);
  const { data, notes } = await dataForRun(stored, options.data, loadingReport());
  const device = await openAdapter(options.adapter);
  // A GPU needs large batches; a software adapter shares the machine's memory.
  const rows = device.adapterKind === 'gpu' ? 65_536 : 4096;
  const { samples, images } = options;
  const progress = options.json ? undefined : phases();
  const figures = await runMetrics(openRun(stored, device), data, device, {
    samples,
    images,
    rows,
    progress,
  });
  const metrics = { ...figures, notes: [...(notes.test ? [notes.test] : []), ...figures.notes] };
  if (options.json) process.stdout.write(`${JSON.stringify({ run: path, ...metrics })}\n`);
  else process.stdout.write(`${table(metrics)}\n`);
}

/** A separate count for each part of the work. */
function phases(): MetricsOptions['progress'] {
  const reports = new Map<string, ReturnType<typeof countReport>>();
  return (what, done, total) => {
    const report = reports.get(what) ?? countReport(what);
    reports.set(what, report);
    report(done, total);
  };
}

type Row = readonly [name: string, value: string, unit?: string];

/** The metrics as a table for people. */
function table(metrics: RunMetrics): string {
  const { test, nats, importanceWeighted, reconstruction, latent, bitsPerDimension, effectiveBeta } = metrics;
  const rows: Row[] = Object.entries(test).map(([name, value]) => [
    name,
    value.toPrecision(6),
    name === 'loss' ? metrics.units : undefined,
  ]);
  for (const [name, value] of Object.entries(nats ?? {}))
    rows.push([`${name} (nats)`, value.toFixed(3), 'per image, constants included']);
  if (bitsPerDimension !== undefined)
    rows.push(['bits per dimension', bitsPerDimension.toFixed(4), 'from the ELBO']);
  if (importanceWeighted) {
    const { samples, images, logLikelihood, standardError } = importanceWeighted;
    const of = `nats, k = ${samples}, ${images} images, ± ${standardError.toFixed(2)}`;
    rows.push(['log-likelihood', logLikelihood.toFixed(3), of]);
  }
  rows.push([
    'reconstruction MSE',
    reconstruction.mse.toPrecision(4),
    'of pixels in [0, 1], by the mean code',
  ]);
  const share = `${(100 * reconstruction.shareOfVariance).toFixed(2)} %`;
  rows.push(['  of the variance', share]);
  if (effectiveBeta !== undefined)
    rows.push(['effective β', effectiveBeta.toPrecision(4), 'against the likelihood in nats']);
  if (latent) rows.push(...latentRows(latent));
  const lines = rows.map(([name, value, unit = '']) =>
    `  ${name.padEnd(24)}${value.padStart(12)}  ${unit}`.trimEnd(),
  );
  const title = `${metrics.model} on ${metrics.images} test images of ${metrics.data}`;
  return [title, ...lines, ...metrics.notes.map((note) => `  note: ${note}`)].join('\n');
}

/** The most dimensions that a table shows. */
const MOST = 20;

function latentRows({
  kl,
  aggregate,
  varianceOfMean,
  activeUnits,
}: NonNullable<RunMetrics['latent']>): Row[] {
  const order = kl.map((_, d) => d).sort((a, b) => kl[b]! - kl[a]!);
  const few = order.slice(0, MOST);
  const rest = order.length - few.length;
  return [
    ['active units', `${activeUnits} of ${kl.length}`, 'variance of the posterior mean over 0.01'],
    ...few.map((d): Row => {
      const moments = `${aggregate.mean[d]!.toFixed(2)} ± ${aggregate.std[d]!.toFixed(2)}`;
      const variance = varianceOfMean[d]!.toFixed(3);
      return [
        `  KL of z${d}`,
        kl[d]!.toFixed(3),
        `nats; aggregate posterior ${moments}, variance of μ ${variance}`,
      ];
    }),
    ...(rest > 0 ? [[`  and ${rest} more`, '', 'see --json'] as const] : []),
  ];
}
