import { within } from '../context.ts';
import type { Op, TensorView } from '../contracts.ts';
import { empty, tensor } from '../creation.ts';
import { floatType, type NumericArray } from '../dtype.ts';
import { contract } from '../lowering/contraction/contract.ts';
import { sampleErrors } from '../lowering/contraction/reference.ts';
import { shapeKey } from '../lowering/contraction/shape-key.ts';
import {
  builtInChoice,
  contractionVariants,
  ForcedVariant,
  naiveVariant,
  variantNamed,
} from '../lowering/contraction/table.ts';
import { type Contraction, isWhole, type Task } from '../lowering/contraction/task.ts';
import type { TunedChoice } from '../lowering/launch.ts';
import { defineLowering } from '../lowering/table.ts';
import { internalsOf, type TensorInternals } from '../tensor.ts';
import type { WebGPUDevice } from './device.ts';
import { Program } from './program.ts';

/** What to measure, and how long. */
export interface TuneOptions {
  /** Names of `contractionVariants` to try; default: all that the adapter runs. */
  readonly variants?: readonly string[];
  /** Milliseconds that one measurement takes at least. */
  readonly atLeast?: number;
  /** Told before each task; by default nobody is. */
  readonly onProgress?: (done: number, total: number, key: string) => void;
}

/** What was measured for one bucket of shapes. */
export interface TunedTask {
  readonly key: string;
  readonly task: Task;
  /** Of the built-in choice, and of the fastest. */
  readonly milliseconds: { readonly default: number; readonly best: number };
  readonly default: string;
  /** The fastest; undefined where the built-in choice is as fast. */
  readonly choice: TunedChoice | undefined;
  /** What computed something else than the plain kernel on this adapter, and so could not be chosen. */
  readonly wrong: readonly string[];
}

/** A challenger has to be this much faster: within it, a repetition may well turn out the other way. */
const MARGIN = 0.95;
/** Rounds over all candidates: a machine's speed drifts, so they take turns. */
const ROUNDS = 3;
/** Launches in a captured program: starting one costs the host more than a launch does. */
const REPETITIONS = 8;

/**
 * Times every variant on every task (from `contractionsOf`), and returns for each bucket of shapes which is the fastest of
 * those that compute the same as the plain kernel. Tasks in one bucket are measured once.
 * @throws if the plain kernel itself computes something else than the definition
 */
export async function tuneContractions(
  device: WebGPUDevice,
  tasks: readonly Task[],
  { variants = [...contractionVariants.keys()], atLeast = 20, onProgress }: TuneOptions = {},
): Promise<TunedTask[]> {
  for (const name of variants) variantNamed(name);
  const buckets = new Map(tasks.map((task) => [shapeKey(task), task]));
  const results: TunedTask[] = [];
  for (const [key, task] of buckets) {
    onProgress?.(results.length, buckets.size, key);
    results.push(await tuneTask(device, key, task, variants, atLeast));
  }
  return results;
}

/** A way to compute a task: its name, the time of a launch so far, and a captured program that launches it some times. */
interface Candidate {
  readonly choice: TunedChoice;
  readonly once: Program;
  readonly often: Program;
  best: number;
}

async function tuneTask(
  device: WebGPUDevice,
  key: string,
  task: Task,
  names: readonly string[],
  atLeast: number,
): Promise<TunedTask> {
  const bench = new TaskBench(device, task);
  const adapter = { kind: device.adapterKind, subgroups: device.subgroups, matrices: device.matrices };
  const own = builtInChoice(task, adapter);
  const choices: TunedChoice[] = [{ variant: own.variant.name, parts: own.plan.parts }];
  for (const name of names) {
    for (const asked of isWhole(task) ? [1, own.plan.parts, 2 * own.plan.parts] : [1]) {
      const parts = variantNamed(name).plan(task, adapter, asked)?.parts;
      const known = choices.some((other) => other.variant === name && other.parts === parts);
      if (parts !== undefined && !known) choices.push({ variant: name, parts });
    }
  }
  const candidates: Candidate[] = [];
  const wrong: string[] = [];
  try {
    await bench.prepare();
    let limit = Number.POSITIVE_INFINITY;
    for (const choice of choices) {
      const candidate = bench.candidate(choice);
      if (!(await bench.isRight(candidate))) {
        wrong.push(describe(choice));
        candidate.once.dispose();
        candidate.often.dispose();
        continue;
      }
      candidate.best = await bench.time(candidate.once, 1);
      limit = Math.min(limit, candidate.best);
      candidates.push(candidate);
    }
    // Hopeless ones are not measured further.
    const promising = candidates.filter(({ best }) => best <= 3 * limit);
    for (let round = 0; round < ROUNDS; round++) {
      for (const candidate of promising) {
        const times = Math.max(1, Math.min(50, Math.round(atLeast / candidate.best / REPETITIONS)));
        candidate.best = Math.min(candidate.best, (await bench.time(candidate.often, times)) / REPETITIONS);
      }
    }
  } finally {
    for (const { once, often } of candidates) for (const program of [once, often]) program.dispose();
    bench.dispose();
  }
  const best = candidates.reduce<Candidate | undefined>(
    (fastest, one) => (fastest && fastest.best <= one.best ? fastest : one),
    undefined,
  );
  const standing = candidates.find(({ choice }) => choice === choices[0]);
  const before = standing?.best ?? Number.POSITIVE_INFINITY;
  const better = best !== undefined && best !== standing && best.best < MARGIN * before;
  return {
    key,
    task,
    default: describe(choices[0]!),
    milliseconds: { default: before, best: best?.best ?? Number.POSITIVE_INFINITY },
    choice: better ? best.choice : undefined,
    wrong,
  };
}

const describe = ({ variant, parts }: TunedChoice) =>
  `${variant}, ${parts} ${parts === 1 ? 'part' : 'parts'}`;

/** One task with its operands, on which candidates are tried. */
class TaskBench {
  readonly #device: WebGPUDevice;
  readonly #task: Task;
  readonly #operands: readonly [TensorInternals, TensorInternals, TensorInternals];
  readonly #values: readonly [NumericArray, NumericArray];
  readonly #op: Op<Contraction, readonly [TensorView, TensorView]>;
  #expected: NumericArray = new Float32Array();

  constructor(device: WebGPUDevice, task: Task) {
    const dtype = task.half ? 'float16' : 'float32';
    const [sizeA, sizeB, sizeC] = task.sizes;
    this.#device = device;
    this.#task = task;
    this.#values = [wholeNumbers(sizeA, 1), wholeNumbers(sizeB, 2)];
    const made = this.#values.map((values) => tensor(values, { dtype, device }));
    const [a, b, c] = [...made, empty([sizeC], { dtype, device })].map(internalsOf);
    this.#operands = [a!, b!, c!];
    this.#op = {
      name: 'tune',
      infer: () => ({ shape: [sizeC], dtype: floatType('tune', [a!, b!]) }),
      reference() {},
    };
    defineLowering(this.#op, (gpu, [x, y], attributes, output) => contract(gpu, attributes, [x, y, output]));
  }

  /** What the plain kernel computes, held against the definition at some places. */
  async prepare(): Promise<void> {
    const plain = this.#record({ variant: naiveVariant, parts: 1 }, 1);
    try {
      this.#expected = await this.#result(plain);
    } finally {
      plain.dispose();
    }
    const error = sampleErrors(this.#task, this.#values, this.#expected)[0];
    if (error) {
      throw new Error(
        `tune: on ${this.#device.name} the plain kernel computes ${error.seen} instead of ${error.expected} at element ` +
          `${error.at} of ${shapeKey(this.#task)}: nothing can be compared with it; is the driver in order?`,
      );
    }
  }

  candidate(choice: TunedChoice): Candidate {
    const [once, often] = [this.#record(choice, 1), this.#record(choice, REPETITIONS)];
    return { choice, once, often, best: Number.POSITIVE_INFINITY };
  }

  /** Whether every element is what the plain kernel makes of it. Whole numbers are summed without rounding, in any order. */
  async isRight({ once }: Candidate): Promise<boolean> {
    const seen = await this.#result(once);
    return this.#expected.every((value, i) => value === seen[i]);
  }

  /** Milliseconds for one run of a program, of so many. */
  async time(program: Program, times: number): Promise<number> {
    const start = performance.now();
    for (let i = 0; i < times; i++) program.run([]);
    await this.#device.synchronize();
    return (performance.now() - start) / times;
  }

  dispose(): void {
    for (const operand of this.#operands) operand.dispose();
  }

  #record({ variant, parts }: TunedChoice, times: number): Program {
    const [a, b, output] = this.#operands;
    return Program.record(this.#device, [], () =>
      within(new ForcedVariant(variant, parts), () => {
        for (let i = 0; i < times; i++)
          this.#device.run({ op: this.#op, inputs: [a, b], attributes: this.#task, output });
      }),
    );
  }

  /** What a program makes of C, which holds nothing of use before. */
  async #result(program: Program): Promise<NumericArray> {
    const { storage, size } = this.#operands[2];
    this.#device.write(storage, 0, new Float32Array(size).fill(-1e4));
    program.run([]);
    return this.#device.read(storage, 0, size);
  }
}

/** Whole numbers from -2 to 2. */
function wholeNumbers(size: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return ((state >>> 16) % 5) - 2;
  });
}
