import type { KernelRow } from './kernels/measure.ts';
import type { PeerRow } from './peers/contest.ts';
import type { Roofs } from './roofline.ts';
import type { Timing } from './timing.ts';
import type { HostRow, StepRow } from './training.ts';

/** Three significant digits, without exponents: 0.0123, 1.23, 12.3, 1230. */
export function digits(value: number): string {
  if (value >= 1000) return Math.round(value).toLocaleString('en-US').replaceAll(',', ' ');
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

export const milliseconds = ({ median, low, high }: Timing) =>
  `${digits(median)} (${digits(low)} to ${digits(high)})`;
export const percent = (fraction: number) => `${(100 * fraction).toFixed(fraction < 0.0995 ? 1 : 0)} %`;
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

/** A table in plain text; all columns but the first are aligned to the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, k) => Math.max(title.length, ...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]) =>
    row.map((cell, k) => (k === 0 ? cell.padEnd(widths[k]!) : cell.padStart(widths[k]!))).join('  ');
  return [head, ...rows].map(line).join('\n');
}

export const describeRoofs = ({ bandwidth, kernelBandwidth, compute }: Roofs): string =>
  [
    'roofs:',
    `  ${digits(bandwidth.rate)} GB/s (${bandwidth.probe})`,
    ...(kernelBandwidth.probe === bandwidth.probe
      ? []
      : [`  ${digits(kernelBandwidth.rate)} GB/s is the most by a kernel (${kernelBandwidth.probe})`]),
    `  ${digits(compute.rate)} GFLOP/s (${compute.probe})`,
  ].join('\n');

/** Models that use a kernel: three of them, and how many more. */
export const usersOf = (models: readonly string[]) =>
  models.length > 3 ? `${models.slice(0, 3).join(', ')} and ${models.length - 3} more` : models.join(', ');

export function describeKernels(rows: readonly KernelRow[]): string {
  return table(
    ['kernel', 'ms: median (quartiles)', 'GFLOP/s', 'GB/s', 'of the roof', 'bound by', 'CPU ms'],
    rows.map((row) => [
      row.models ? `${row.id} [${usersOf(row.models)}]` : row.id,
      milliseconds(row.ms),
      row.flops > 0 ? digits(row.gflops) : '',
      digits(row.gbs),
      percent(row.roof),
      row.bound,
      row.cpuMs === undefined ? '' : digits(row.cpuMs),
    ]),
  );
}

export function describeSteps(rows: readonly StepRow[]): string {
  return table(
    [
      'training step',
      'ms: median (quartiles)',
      'images/s',
      'launches',
      'host ms',
      'GPU ms',
      'planned',
      'live set',
      'first step',
    ],
    rows.flatMap((row) => [
      [
        `${row.id}, batch ${row.batchSize}, captured`,
        milliseconds(row.captured.ms),
        digits(row.captured.imagesPerSecond),
        `${row.captured.launches}`,
        digits(row.captured.hostMs),
        row.gpuMs === undefined ? '' : digits(row.gpuMs),
        megabytes(row.plannedBytes),
        megabytes(row.liveSetBytes),
        `${digits(row.firstSeconds)} s`,
      ],
      [
        `${row.id}, eager`,
        milliseconds(row.eager.ms),
        digits(row.eager.imagesPerSecond),
        `${row.eager.launches}`,
        digits(row.eager.hostMs),
        ...['', '', '', ''],
      ],
    ]),
  );
}

export function describeHost(rows: readonly HostRow[]): string {
  return table(
    [
      'host time of a step (null backend)',
      'captured ms (quartiles)',
      'launches',
      'longest chain',
      'eager ms (quartiles)',
    ],
    rows.map(({ id, ms, eagerMs, launches, chain }) => [
      id,
      milliseconds(ms),
      `${launches}`,
      `${chain}`,
      milliseconds(eagerMs),
    ]),
  );
}

export function describePeers(rows: readonly PeerRow[]): string {
  return table(
    ['task', 'ms: median (quartiles)', "times Tapegrad's", 'quartiles', 'same result'],
    rows.flatMap(({ id, placements, absent }) => [
      [id, '', '', '', ''],
      ...placements.map(({ peer, version, ms, ratio, agrees, check }) => [
        `  ${peer} ${version}`,
        milliseconds(ms),
        ratio.median.toFixed(2),
        `${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)}`,
        agrees ? 'yes' : `NO: ${check.toPrecision(5)}`,
      ]),
      ...absent.map(({ peer, reason }) => [`  ${peer} did not take part: ${reason}`, '', '', '', '']),
    ]),
  );
}
