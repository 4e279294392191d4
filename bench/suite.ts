import { availableParallelism, cpus } from 'node:os';
import { type FoundAdapter, openDevice } from '@tapegrad/node';
import { setDefaultDevice, type WebGPUDevice } from '@tapegrad/tensor';
import { type ModelSpec, models } from '@tapegrad/vae';
import { UserError } from 'tapegrad/node';
import type { KernelCase } from './kernels/case.ts';
import { convolutions, products, yardstick } from './kernels/contractions.ts';
import { layerCalls, layerCase } from './kernels/layers.ts';
import { KernelBench, type KernelRow, type Skipped } from './kernels/measure.ts';
import { others } from './kernels/others.ts';
import { type Options, wanted } from './options.ts';
import { contest } from './peers/contest.ts';
import { describeHost, describeKernels, describePeers, describeRoofs, describeSteps } from './report.ts';
import { header, type Results } from './results.ts';
import { measureRoofs, type Roofs } from './roofline.ts';
import { type HostRow, measureHost, StepBench, type StepRow } from './training.ts';

type OpenDevice = WebGPUDevice & { readonly found: FoundAdapter };

/** What is to be measured. */
interface Plan {
  readonly kernels: readonly KernelCase[];
  readonly steps: readonly ModelSpec[];
  readonly host: readonly ModelSpec[];
}

/** Whom the suite tells what it does: lines to be read, and a line that the next one replaces. */
export interface Log {
  line(text: string): void;
  progress(text: string): void;
}

/** All rows that the filters ask for, on a device that runs nothing where the models have to be looked into. */
async function plan(options: Options, openNothing: () => Promise<WebGPUDevice>): Promise<Plan> {
  const specs = [...models.values()];
  const chosen = [...products, ...convolutions, ...others];
  // Looking into all models takes some seconds. A filter that is a row's whole name can do without.
  const isWhole = (filter: string) =>
    /^(steps|host|peers)\//.test(filter) || chosen.some(({ id }) => id.toLowerCase() === filter);
  const search = options.filters.length === 0 || !options.filters.every(isWhole);
  const layers = search ? (await layerCalls(specs, openNothing)).map(layerCase) : [];
  const all = [...products, ...layers, ...convolutions, ...others];
  // A layer of a model may be one of the shapes chosen by hand; and a filter may name a model.
  const kernels = [...new Map(all.map((one) => [one.id, one])).values()].filter(({ id, models: uses = [] }) =>
    wanted(options, `kernels/${id} ${uses.join(' ')}`),
  );
  return {
    kernels: options.quick && options.filters.length === 0 ? kernels.filter(isSmall) : kernels,
    steps: specs.filter(({ name }) => wanted(options, `steps/${name}`)),
    host: specs.filter(({ name }) => wanted(options, `host/${name}`)),
  };
}

const isSmall = ({ flops, bytes }: KernelCase) => flops < 4e7 && bytes < 1e7;

/** Names what would be measured. */
export async function listRows(options: Options): Promise<string[]> {
  const { kernels, steps, host } = await plan(options, () => openNothing(options.as ?? options.adapter));
  return [
    ...kernels.map(({ id, models: uses }) => (uses ? `${id} [${uses.join(', ')}]` : id)),
    ...steps.map(({ name }) => `steps/${name}`),
    ...host.map(({ name }) => `host/${name}`),
  ];
}

/** The null backend, with kernels chosen as for the adapter that is asked for, where that is one kind. */
function openNothing(adapter: string): Promise<OpenDevice> {
  return openDevice(adapter, { nullBackend: true });
}

/** What the rows run on; where all of them only look at the host, and the kind is named, nothing is looked for. */
export async function openWanted(options: Options, toggles: string[]): Promise<OpenDevice> {
  const { adapter, as, peers } = options;
  if (as && !peers && runsNothing(await plan(options, () => openNothing(as)))) return openNothing(as);
  return openDevice(adapter, { toggles, as });
}

const runsNothing = ({ kernels, steps, host }: Plan) =>
  kernels.length + steps.length === 0 && host.length > 0;

export async function runSuite(options: Options, device: OpenDevice, log: Log): Promise<Results> {
  const { effort, quick } = options;
  setDefaultDevice(device);
  const rows = await plan(options, () => openNothing(device.adapterKind));
  if (rows.kernels.length + rows.steps.length + rows.host.length === 0 && !options.peers) {
    throw new UserError(`no row's name contains ${options.filters.join(' or ')}; --list names them all`);
  }
  setDefaultDevice(device);
  const bench = new KernelBench(device, effort);
  const missed = new Map<string, string>();
  const { roofs, kernels, stepRows } = runsNothing(rows)
    ? { roofs: undefined, kernels: [], stepRows: [] }
    : await measureOnAdapter(device, rows, bench, missed, options, log);
  log.progress('');
  if (kernels.length > 0) log.line(`\n${describeKernels(kernels)}`);
  if (stepRows.length > 0) log.line(`\n${describeSteps(stepRows)}`);
  const host: HostRow[] = [];
  for (const spec of rows.host) {
    log.progress(`host/${spec.name}`);
    const nothing = await openNothing(device.adapterKind);
    const row = await attempt(() => measureHost(spec, nothing, effort, quick), `host/${spec.name}`, missed);
    nothing.destroy();
    if (row) host.push(row);
  }
  log.progress('');
  if (host.length > 0) log.line(`\n${describeHost(host)}`);
  setDefaultDevice(device);
  const note = (text: string) => {
    log.progress('');
    log.line(text);
  };
  const peers = options.peers
    ? await contest(device, {
        effort,
        quick,
        against: options.against,
        wanted: (id) => wanted(options, id),
        note,
        progress: (id) => log.progress(id),
        finished: (row) => note(`\n${describePeers([row])}`),
      })
    : [];
  log.progress('');
  const skipped: Skipped[] = [...bench.skipped, ...[...missed].map(([id, reason]) => ({ id, reason }))];
  if (skipped.length > 0) {
    log.line(`\nskipped:\n${skipped.map(({ id, reason }) => `  ${id}: ${reason}`).join('\n')}`);
  }
  const { name, driver, kind } = device.found;
  return {
    ...header(),
    date: new Date().toISOString(),
    adapter: { name, driver, kind },
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: availableParallelism(),
      node: process.versions.node,
    },
    quick,
    roofs,
    kernels,
    steps: stepRows,
    host,
    peers,
    skipped,
  };
}

/** The roofs, then rounds over kernels and steps. What fails is left out from then on, with the reason. */
async function measureOnAdapter(
  device: OpenDevice,
  rows: Plan,
  bench: KernelBench,
  missed: Map<string, string>,
  { effort, quick }: Options,
  log: Log,
): Promise<{ roofs: Roofs; kernels: KernelRow[]; stepRows: StepRow[] }> {
  log.progress('measuring the roofs');
  const roofs = await measureRoofs(device, effort, quick);
  log.line(describeRoofs(roofs));
  const steps = new StepBench(device, effort, quick);
  const feasible = await bench.feasible(rows.kernels, yardstick, roofs);
  const work = [
    ...feasible.map((one) => ({ id: one.id, round: () => bench.round(one) })),
    ...rows.steps.map((spec) => ({ id: `steps/${spec.name}`, round: () => steps.round(spec) })),
  ];
  for (let round = 1; round <= effort.rounds; round++) {
    for (const [i, { id, round: measure }] of work.entries()) {
      if (missed.has(id)) continue;
      log.progress(`round ${round} of ${effort.rounds}, ${i + 1} of ${work.length}: ${id}`);
      await attempt(measure, id, missed);
    }
  }
  const measured = feasible.filter(({ id }) => !missed.has(id));
  return {
    roofs,
    kernels: measured.map((one) => bench.row(one, roofs)),
    stepRows: rows.steps.filter(({ name }) => !missed.has(`steps/${name}`)).map((spec) => steps.row(spec)),
  };
}

/** One row that fails, such as one that needs more memory than there is, does not take the others with it. */
async function attempt<T>(
  work: () => Promise<T>,
  id: string,
  missed: Map<string, string>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    missed.set(id, `failed: ${String((error as Error).message ?? error).split('\n')[0]}`);
    return undefined;
  }
}
