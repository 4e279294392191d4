import { parseArgs } from 'node:util';
import { openDevice, writeTuned } from '@tapegrad/node';
import {
  apply,
  contractionsOf,
  contractionVariants,
  type Op,
  ops,
  type Shape,
  scope,
  setDefaultDevice,
  type Task,
  type TunedChoice,
  tuneContractions,
  zeros,
} from '@tapegrad/tensor';
import { UserError } from 'tapegrad/node';

const HELP = `npm run bench -- tune [options]

Times every variant of the contraction kernels on this adapter, for squares and for the layers of the models, and stores
the choices that are faster than the built-in ones in the user's cache folder (XDG_CACHE_HOME or ~/.cache). From then on
programs on this adapter and driver use them; TAPEGRAD_TUNE=off ignores them. On a software adapter most of the time goes
into compiling variants.

  --adapter NAME    as for the other benchmarks (default: auto)
  --shapes FILTER   only shapes whose name has this in it; give it several times for several (default: all)
  --variants LIST   names of variants to try, separated by commas (default: all that the adapter runs)
  --batch-size N    of the layers (default: 512)
  --dry-run         measure and print, store nothing
  --help            this text
`;

type Queue = (batch: number) => void;
type Pair = readonly [number, number];

/** Queues the op once on tensors of zeros: what they hold takes no part in the choice. */
const op = (
  name: 'matmul' | 'conv2d' | 'conv2dInputGradient' | 'conv2dWeightGradient',
  a: Shape,
  b: Shape,
  attributes: object,
) => scope(() => void apply(ops[name] as Op<unknown>, [zeros(a), zeros(b)], attributes));

const product = (a: Shape, b: Shape, transposes = '') =>
  op('matmul', a, b, { transposeA: transposes.includes('A'), transposeB: transposes.includes('B') });

/** Forward, and both gradients. */
function linear(inputs: number, outputs: number): Queue {
  return (batch) => {
    product([batch, inputs], [outputs, inputs], 'B');
    product([batch, outputs], [outputs, inputs]);
    product([batch, outputs], [batch, inputs], 'A');
  };
}

function convolution(channels: number, outputs: number, size: number): Queue {
  const attributes = { stride: [2, 2] as Pair, padding: [1, 1] as Pair, dilation: [1, 1] as Pair };
  return (batch) => {
    const x: Shape = [batch, channels, size, size];
    const y: Shape = [batch, outputs, size / 2, size / 2];
    const w: Shape = [outputs, channels, 4, 4];
    op('conv2d', x, w, attributes);
    op('conv2dInputGradient', y, w, { ...attributes, size: [size, size] });
    op('conv2dWeightGradient', x, y, { ...attributes, size: [4, 4] });
  };
}

/** Squares, and the layers of the convolutional and the fully connected models. */
const shapes: Record<string, Queue> = {
  ...Object.fromEntries([256, 512, 1024].map((n) => [`square ${n}`, () => product([n, n], [n, n])])),
  'conv 1-16 28': convolution(1, 16, 28),
  'conv 16-32 14': convolution(16, 32, 14),
  'linear 1568-128': linear(1568, 128),
  'linear 128-1568': linear(128, 1568),
  'linear 128-5': linear(128, 5),
  'linear 5-128': linear(5, 128),
  'linear 784-400': linear(784, 400),
  'linear 400-20': linear(400, 20),
  'linear 20-400': linear(20, 400),
  'linear 400-784': linear(400, 784),
};

/** `npm run bench -- tune`: see HELP. */
export async function tune(argv: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      adapter: { type: 'string', default: 'auto' },
      shapes: { type: 'string', multiple: true, default: [] },
      variants: { type: 'string' },
      'batch-size': { type: 'string', default: '512' },
      'dry-run': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const batch = Number(values['batch-size']);
  if (!Number.isInteger(batch) || batch < 1) {
    throw new UserError(`--batch-size ${values['batch-size']}: expects a whole number from 1`);
  }
  const names = Object.keys(shapes).filter(
    (name) => values.shapes.length === 0 || values.shapes.some((part) => name.includes(part)),
  );
  if (names.length === 0) {
    throw new UserError(
      `--shapes ${values.shapes.join(', ')}: no such shape: ${Object.keys(shapes).join(', ')}`,
    );
  }
  const variants = values.variants?.split(',');
  const unknown = variants?.find((name) => !contractionVariants.has(name));
  if (unknown !== undefined) {
    throw new UserError(
      `--variants ${unknown}: no such variant: ${[...contractionVariants.keys()].join(', ')}`,
    );
  }
  const device = await openDevice(values.adapter).catch((error: Error) => {
    throw new UserError(error.message);
  });
  const { found } = device;
  process.stderr.write(`${found.announcement}\n`);
  // What was chosen before must not be what the challengers are held against.
  const before = device.tuned;
  device.tuned = undefined;
  setDefaultDevice(device);
  const seen: Task[] = names.flatMap((name) => contractionsOf(() => shapes[name]!(batch)));
  const table = new Map<string, TunedChoice>(before);
  const tasks = await tuneContractions(device, seen, {
    ...(variants ? { variants } : {}),
    onProgress: (done, total, key) => process.stderr.write(`${done + 1}/${total} ${key}\n`),
  });
  for (const { key, choice, milliseconds, default: own, wrong } of tasks) {
    const gain = choice
      ? `${choice.variant}, ${choice.parts} ${choice.parts === 1 ? 'part' : 'parts'}: ${milliseconds.best.toFixed(3)} ms, ${(milliseconds.default / milliseconds.best).toFixed(2)} times as fast`
      : 'kept';
    process.stdout.write(`${key.padEnd(40)} ${own}: ${milliseconds.default.toFixed(3)} ms; ${gain}\n`);
    if (wrong.length > 0)
      process.stdout.write(`${''.padEnd(40)} wrong results, never chosen: ${wrong.join('; ')}\n`);
    if (choice) table.set(key, choice);
    else table.delete(key);
  }
  if (!values['dry-run']) {
    const path = writeTuned(found, table);
    process.stdout.write(`${table.size} choices are in ${path}\n`);
  }
  device.destroy();
}
