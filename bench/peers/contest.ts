import { waitIdly } from '@tapegrad/node';
import { Generator, type WebGPUDevice } from '@tapegrad/tensor';
import { models, settingsOf } from '@tapegrad/vae';
import { type Effort, medianOf, quantile, type Timing, timingOf } from '../timing.ts';
import { tapegrad } from './tapegrad.ts';
import type { Array32, Entry, Peer, Task, TrainedModel } from './task.ts';
import { isTraining } from './task.ts';

/** One contestant's result in one task. */
export interface Placement {
  readonly peer: string;
  readonly version: string;
  readonly ms: Timing;
  /** Its time over Tapegrad's in the same round: median and quartiles of all rounds. */
  readonly ratio: { readonly median: number; readonly low: number; readonly high: number };
  /** What came out, and whether it is what came out of Tapegrad. */
  readonly check: number;
  readonly agrees: boolean;
}

export interface PeerRow {
  readonly id: string;
  readonly placements: readonly Placement[];
  /** Who could not take part, and why. */
  readonly absent: readonly { readonly peer: string; readonly reason: string }[];
}

/** Relative differences of the checked numbers: rounding in another order; and where ε is drawn by each on its own. */
const TOLERANCE = { exact: 1e-3, drawn: 0.03 };
/** Milliseconds that one sample of one contestant takes at least: it ends with a wait, which takes one or two of them. */
const SAMPLE = 250;
const ROUNDS = 7;

/** Values of a fixed seed, normally distributed, the same for everybody. */
async function values(random: Generator, shape: readonly number[]): Promise<Array32> {
  const t = random.normal(shape);
  const data = (await t.data()) as Float32Array;
  t.dispose();
  return { shape, data };
}

async function trainingTask(name: TrainedModel, device: WebGPUDevice, quick: boolean): Promise<Task> {
  const spec = models.get(name)!;
  const settings = settingsOf(spec);
  const count = quick ? 16 : settings.batchSize;
  const random = new Generator(1, { device });
  const model = spec.build([1, 28, 28], settings, random);
  const weights = new Map<string, Array32>();
  for (const [key, parameter] of model.stateDict()) {
    weights.set(key, { shape: parameter.shape, data: (await parameter.data()) as Float32Array });
  }
  // Something like strokes: most pixels 0, as in MNIST.
  const bytes = Uint8Array.from({ length: count * 784 }, (_, i) => {
    const [x, y] = [i % 28, Math.floor(i / 28) % 28];
    return Math.max(0, 255 - 60 * Math.abs(((x * 3 + y * 5 + Math.floor(i / 784) * 7) % 29) - 14));
  });
  const { scale, shift } = model.normalization;
  const data = Float32Array.from(bytes, (byte) => byte * scale + shift);
  const { lr, beta1, beta2 } = settings;
  return {
    kind: name,
    id: `peers/${name} training step, batch ${count}`,
    weights,
    batch: { shape: [count, 1, 28, 28], data },
    bytes,
    lr,
    betas: [beta1, beta2],
  };
}

/** The tasks, made one after the other: the weights and images of one need some memory. */
async function* tasks(device: WebGPUDevice, quick: boolean): AsyncGenerator<Task> {
  const random = new Generator(2, { device });
  const n = quick ? 64 : 512;
  yield {
    kind: 'matmul',
    id: `peers/matmul ${n}x${n}x${n}`,
    a: await values(random, [n, n]),
    b: await values(random, [n, n]),
  };
  const batch = quick ? 4 : 512;
  for (const [C, O, size] of quick
    ? ([[2, 3, 8]] as const)
    : ([
        [1, 16, 28],
        [16, 32, 14],
      ] as const)) {
    const x = await values(random, [batch, C, size, size]);
    const w = await values(random, [O, C, 4, 4]);
    const dy = await values(random, [batch, O, size / 2, size / 2]);
    for (const kind of ['conv2d', 'input gradient', 'weight gradient'] as const) {
      const label = kind === 'conv2d' ? kind : `conv2d ${kind}`;
      yield { kind, id: `peers/${label} ${batch}x${C}x${size}x${size} to ${O}`, x, w, dy };
    }
  }
  yield trainingTask('ae', device, quick);
  yield trainingTask('vae-mlp', device, quick);
  yield trainingTask('vae-blog', device, quick);
}

export interface ContestOptions {
  readonly effort: Effort;
  readonly quick: boolean;
  /** Part of the names of the peers that take part; all of them if nothing is said. */
  readonly against?: string | undefined;
  /** Which tasks, by name. */
  wanted(id: string): boolean;
  /** Something worth a line; and what is going on. */
  note(line: string): void;
  progress(id: string): void;
  /** A task is done. */
  finished(row: PeerRow): void;
}

/**
 * Lets the libraries that are here do the same tasks in turns, so that what drifts meets all of them alike. GPU libraries
 * get the adapter that `device` is on.
 */
export async function contest(
  device: WebGPUDevice & { readonly found: { readonly gpu: GPU } },
  { effort, quick, against, wanted, note, progress, finished }: ContestOptions,
): Promise<PeerRow[]> {
  const { peers, missing } = await gather(device, against);
  for (const { peer, reason } of missing) note(`${peer} does not take part: ${reason}`);
  const rows: PeerRow[] = [];
  try {
    for await (const task of tasks(device, quick)) {
      if (!wanted(task.id)) continue;
      progress(task.id);
      const row = await compete(task, peers, missing, effort, note);
      finished(row);
      rows.push(row);
    }
  } finally {
    for (const peer of peers) peer.close();
  }
  return rows;
}

/** Loads the peers. Each needs what a browser has: `navigator.gpu`. */
async function gather(device: WebGPUDevice & { readonly found: { readonly gpu: GPU } }, against = '') {
  const navigator = { gpu: device.found.gpu, userAgent: 'Node', hardwareConcurrency: 1 };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  // As this library waits: a software adapter needs the core that polling would take.
  const wait = device.adapterKind === 'gpu' ? <T>(promise: Promise<T>) => promise : waitIdly;
  const makers: [name: string, make: () => Promise<Peer>][] = [
    ['jax-js', async () => (await import('./jax.ts')).jax(wait)],
    ['TensorFlow.js', async () => (await import('./tfjs.ts')).tfjs(wait)],
    // Which number of threads is the fastest depends on the task and the machine.
    ...[1, 2].map((threads): [string, () => Promise<Peer>] => [
      `PyTorch, ${threads} thread${threads > 1 ? 's' : ''}`,
      async () => (await import('./pytorch.ts')).pytorch('cpu', threads),
    ]),
  ];
  if (device.adapterKind === 'gpu') {
    makers.push(['PyTorch on the GPU', async () => (await import('./pytorch.ts')).pytorch('cuda')]);
  }
  const peers = [tapegrad(device)];
  const missing: { peer: string; reason: string }[] = [];
  for (const [peer, make] of makers) {
    if (!peer.toLowerCase().includes(against.toLowerCase())) continue;
    try {
      peers.push(await make());
    } catch (error) {
      missing.push({ peer, reason: firstLineOf(error) });
    }
  }
  return { peers, missing };
}

const firstLineOf = (error: unknown) => String((error as Error)?.message ?? error).split('\n')[0]!;

interface Running {
  readonly peer: Peer;
  readonly entry: Entry;
  readonly check: number;
  readonly times: number;
  readonly samples: number[];
}

async function compete(
  task: Task,
  peers: readonly Peer[],
  missing: PeerRow['absent'],
  effort: Effort,
  note: (line: string) => void,
): Promise<PeerRow> {
  const absent = [...missing];
  const running: Running[] = [];
  try {
    for (const peer of peers) {
      try {
        running.push(await start(task, peer));
      } catch (error) {
        if (peer === peers[0]) throw error;
        absent.push({ peer: peer.name, reason: firstLineOf(error) });
        note(`${task.id}: ${peer.name} does not take part: ${firstLineOf(error)}`);
      }
    }
    const rounds = effort.rounds > 1 ? ROUNDS : 2;
    for (let round = 0; round < rounds; round++) {
      for (const { entry, times, samples } of running) samples.push((await entry.run(times)) / times);
    }
    return { id: task.id, absent, placements: running.map((one) => place(one, running[0]!, task)) };
  } finally {
    for (const { entry } of running) entry.dispose();
  }
}

async function start(task: Task, peer: Peer): Promise<Running> {
  const entry = await peer.enter(task);
  try {
    const check = await entry.check();
    await entry.run(1);
    const times = Math.max(1, Math.min(1000, Math.round(SAMPLE / (await entry.run(1)))));
    return { peer, entry, check, times, samples: [] };
  } catch (error) {
    entry.dispose();
    throw error;
  }
}

function place({ peer, check, samples }: Running, ours: Running, task: Task): Placement {
  const ratios = samples.map((ms, round) => ms / ours.samples[round]!);
  const tolerance = isTraining(task) && task.kind !== 'ae' ? TOLERANCE.drawn : TOLERANCE.exact;
  return {
    peer: peer.name,
    version: peer.version,
    ms: timingOf(samples),
    ratio: { median: medianOf(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) },
    check,
    agrees: Math.abs(check / ours.check - 1) <= tolerance,
  };
}
