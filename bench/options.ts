import { accessSync, constants, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { ADAPTER_KINDS, type AdapterKind, isKind } from '@tapegrad/node';
import { UserError } from 'tapegrad/node';
import { type Effort, QUICK, THOROUGH } from './timing.ts';

export const HELP = `Usage: npm run bench -- [FILTER…] [options]
       npm run bench -- tune [options]
       npm run bench -- isa [FILTER…] [options]
       npm run bench -- gpu-day [options]

Measures this adapter's roofs (copy bandwidth, multiply-adds a second), and against them the kernels; training steps of
every model; and what a step costs the host. A row is measured if its name contains one of the filters: kernels, matmul,
conv2d, elementwise, movement, reduction, scan, softmax, pool, loss, adam, random, training, the name of a model, steps, host …

Options:
  --adapter <which>    auto, gpu, lavapipe, swiftshader, or part of a name (default: auto)
  --as <kind>          gpu, lavapipe, swiftshader: kernels as they are chosen for that kind, whatever the adapter; rows of
                       host/ alone need no adapter then
  --quick              small shapes, few samples: to see that everything runs, not to know how fast
  --rounds <n>         passes over all rows (default: 3): the spread holds how the machine drifts between them
  --longest <seconds>  skips kernels that would take longer for one launch (default: 1)
  --peers              jax-js, TensorFlow.js and PyTorch (with one thread and with two) on the same tasks, in turns
  --against <name>     of the peers only those whose name contains this
  --list               names the rows and measures nothing
  --json <file>        writes everything measured
  --html <file>        writes a page with charts that needs no other file
  --compare <file>     what became slower or faster than in that --json file; exit code 1 if anything became slower
  --help               this text

  tune                 finds the fastest variants of kernels for this adapter; see 'tune --help'
  isa                  what a GPU's compiler makes of the kernels, without a GPU; see 'isa --help'
  gpu-day              everything that a few minutes on a GPU can tell; see 'gpu-day --help'

Exit codes: 1 if something became slower (--compare), 2 after an error.
`;

export interface Options {
  readonly filters: readonly string[];
  readonly adapter: string;
  readonly as?: AdapterKind | undefined;
  readonly quick: boolean;
  readonly effort: Effort;
  readonly peers: boolean;
  readonly against?: string | undefined;
  readonly list: boolean;
  readonly json?: string;
  readonly html?: string;
  readonly compare?: string;
  readonly help: boolean;
}

/** @throws UserError of one line */
export function parseOptions(argv: readonly string[]): Options {
  const { values, positionals } = parsed(argv);
  const effort = values.quick ? QUICK : THOROUGH;
  const rounds = number('--rounds', values.rounds, effort.rounds);
  if (!Number.isInteger(rounds))
    throw new UserError(`--rounds ${rounds}: has to be a whole number, 1 or more`);
  const longest = number('--longest', values.longest, effort.longest);
  for (const [name, file] of [
    ['--json', values.json],
    ['--html', values.html],
  ] as const) {
    if (file !== undefined) assertWritable(name, file);
  }
  return {
    ...values,
    as: kindOf(values.as),
    filters: positionals.map((filter) => filter.toLowerCase()),
    effort: { ...effort, rounds, longest },
  };
}

function parsed(argv: readonly string[]) {
  const flag = { type: 'boolean', default: false } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        adapter: { ...text, default: 'auto' },
        as: text,
        quick: flag,
        rounds: text,
        longest: text,
        peers: flag,
        against: text,
        list: flag,
        json: text,
        html: text,
        compare: text,
        help: flag,
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message.split('. ')[0]}; --help lists what there is`);
  }
}

function kindOf(as: string | undefined): AdapterKind | undefined {
  if (as === undefined || isKind(as)) return as;
  throw new UserError(`--as ${as}: has to be ${ADAPTER_KINDS.join(', ')}`);
}

function number(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value <= 0) {
    throw new UserError(`${name} ${text}: has to be a number above 0`);
  }
  return value;
}

/** Measuring takes minutes: what can't be written afterwards is better known before. */
function assertWritable(option: string, file: string): void {
  const folder = dirname(resolve(file));
  try {
    accessSync(folder, constants.W_OK);
  } catch {
    throw new UserError(`${option} ${file}: the folder ${folder} does not exist or cannot be written to`);
  }
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory()) {
    throw new UserError(`${option} ${file}: is a folder; name a file`);
  }
}

/** Whether a row is asked for: its name contains one of the filters, or there are none. */
export const wanted = ({ filters }: Options, id: string): boolean =>
  filters.length === 0 || filters.some((filter) => id.toLowerCase().includes(filter));
