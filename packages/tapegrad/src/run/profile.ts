import type { Program } from '@tapegrad/tensor';

/** One launch of a training step, and how long it took. */
export interface LaunchTime {
  /** The op that asked for it, with the ops merged into it. */
  readonly op: string;
  /** Shader and entry. */
  readonly kernel: string;
  readonly workgroups: readonly number[];
  /** The shapes of what it writes, and of what it reads. */
  readonly writes: readonly string[];
  readonly reads: readonly string[];
  /** Bytes of everything it binds, each counted once. */
  readonly bytes: number;
  /** Floating-point operations, if the kernel counts them, as contractions do. */
  readonly flops: number | undefined;
  readonly nanoseconds: number;
}

/** How long a step's launches took, in the order in which they run. */
export interface StepProfile {
  readonly launches: readonly LaunchTime[];
  readonly nanoseconds: number;
}

/** @param nanoseconds of each launch, as `program.profile()` gives them */
export function stepProfile(program: Program, nanoseconds: readonly number[]): StepProfile {
  const launches = program.dispatches.map((dispatch, i): LaunchTime => {
    const { op, kernel, workgroups, bindings, outputs, launch } = dispatch;
    const shapes = bindings.map(({ shape }) => `[${shape.join(', ')}]`);
    return {
      op,
      kernel: kernel.label,
      workgroups,
      writes: shapes.slice(0, outputs),
      reads: shapes.slice(outputs),
      bytes: bindings.reduce((sum, { bytes }) => sum + bytes, 0),
      flops: launch.flops,
      // A timestamp may be taken a little early, but no launch takes less than nothing.
      nanoseconds: Math.max(0, Math.round(nanoseconds[i]!)),
    };
  });
  return { launches, nanoseconds: launches.reduce((sum, launch) => sum + launch.nanoseconds, 0) };
}

/** Operations per nanosecond are GFLOP/s, bytes per nanosecond GB/s. */
const rate = (amount: number | undefined, nanoseconds: number) =>
  amount === undefined || nanoseconds === 0 ? undefined : amount / nanoseconds;

/** A table in plain text of the launches that took longest, and of all together. */
export function profileTable({ launches, nanoseconds }: StepProfile, most = 25): string {
  const head = ['ms', 'share', 'GFLOP/s', 'GB/s', 'op', 'kernel', 'writes', 'reads'];
  const slowest = [...launches].sort((a, b) => b.nanoseconds - a.nanoseconds).slice(0, most);
  const rows = slowest.map((launch) => [
    (launch.nanoseconds / 1e6).toFixed(3),
    `${((100 * launch.nanoseconds) / Math.max(1, nanoseconds)).toFixed(1)} %`,
    rate(launch.flops, launch.nanoseconds)?.toFixed(1) ?? '',
    rate(launch.bytes, launch.nanoseconds)?.toFixed(1) ?? '',
    launch.op,
    launch.kernel,
    launch.writes.join(' '),
    launch.reads.join(' '),
  ]);
  const widths = head.map((title, k) => Math.max(title.length, ...rows.map((row) => row[k]!.length)));
  const line = (row: readonly string[]) =>
    row
      .map((cell, k) => (k < 4 ? cell.padStart(widths[k]!) : cell.padEnd(widths[k]!)))
      .join('  ')
      .trimEnd();
  const rest = launches.length - slowest.length;
  const shorter = rest > 0 ? `, of which the ${slowest.length} longest are above` : '';
  return [
    ...[head, ...rows].map(line),
    `${launches.length} launches, ${(nanoseconds / 1e6).toFixed(3)} ms in all${shorter}`,
  ].join('\n');
}

/**
 * The profile as a file for Perfetto (ui.perfetto.dev) or chrome://tracing: "Trace Event Format", complete events
 * (`ph: "X"`) in microseconds. Launches are timed one by one, so they are laid end to end, without
 * the gaps that a device leaves between them.
 */
export function chromeTrace(
  { launches, nanoseconds }: StepProfile,
  { model, adapter }: { readonly model: string; readonly adapter: string },
): string {
  const thread = { pid: 1, tid: 1 };
  const named = (name: string, value: string) => ({ ph: 'M', ...thread, name, args: { name: value } });
  let at = 0;
  const events = launches.map((launch) => {
    const { op, kernel, workgroups, writes, reads, bytes, flops } = launch;
    const start = at;
    at += launch.nanoseconds;
    const rates = {
      'GFLOP/s': rate(flops, launch.nanoseconds),
      'GB/s': rate(bytes, launch.nanoseconds),
    };
    return {
      ph: 'X',
      ...thread,
      name: op,
      cat: 'launch',
      ts: start / 1000,
      dur: launch.nanoseconds / 1000,
      args: { kernel, workgroups: workgroups.join(' x '), writes, reads, bytes, flops, ...rates },
    };
  });
  const step = {
    ph: 'X',
    ...thread,
    name: `training step of ${model}`,
    cat: 'step',
    ts: 0,
    dur: nanoseconds / 1000,
  };
  return JSON.stringify({
    displayTimeUnit: 'ns',
    otherData: { model, adapter },
    traceEvents: [
      named('process_name', adapter),
      named('thread_name', 'launches'),
      { ...step, args: { launches: launches.length } },
      ...events,
    ],
  });
}
