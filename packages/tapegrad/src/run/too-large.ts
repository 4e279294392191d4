import { TracingDevice } from '@tapegrad/interchange';
import { type Device, type DType, empty, full, Generator, slotsOf } from '@tapegrad/tensor';
import type { TrainingData } from '@tapegrad/vae';
import {
  evaluating,
  flagOf,
  type ModelOptions,
  type ModelSpec,
  modelOptions,
  OptionError,
  type TrainingOptions,
  trainingOptions,
} from '@tapegrad/vae';
import { DEFAULT_IMAGE_SIZE } from '../data/image-folder.ts';
import { UserError } from '../errors.ts';

/** What a training run, or only a model, needs memory for. */
interface Training {
  readonly spec: ModelSpec;
  readonly config: ModelOptions & TrainingOptions;
  readonly data: Pick<TrainingData, 'shape'> & {
    readonly train: { readonly count: number };
    /** Only folders of images have one, and only their size can be chosen. */
    readonly normalization?: unknown;
  };
  /** An existing run's options cannot be changed. */
  readonly isFixed?: boolean;
}

/** The error itself or, if a tensor is too large for the device, one that says so. */
export function inSize(error: unknown, training: Training, device: Device): unknown {
  if (error instanceof UserError || error instanceof OptionError) return error;
  return tooLarge(training, device) ?? error;
}

/**
 * The error to show if a training run could not get its memory: one line that says which options to make smaller, or
 * undefined if each of its tensors would fit. Use it only after a failure: a captured step leaves out some tensors that are
 * counted here, so this must not refuse anything by itself.
 */
export function tooLarge(asked: Training, device: Device): UserError | undefined {
  const batchSize = Math.min(asked.config.batchSize, asked.data.train.count);
  const training = { ...asked, config: { ...asked.config, batchSize } };
  const limit = device.maxTensorBytes;
  const bytes = overflowOf(training, limit);
  if (!(bytes > 0)) return undefined;
  const reductions = training.isFixed ? [] : reductionsOf(training);
  const helping = reductions.filter(
    ({ reduced }) => overflowOf({ ...training, ...reduced }, limit) <= WORTH_SAYING * bytes,
  );
  // Blame what was made larger than usual before what was not. An option that is far too large does not fit when halved, either.
  const large = (some: Reduction[]) => some.filter(({ excess }) => excess > 1);
  const named = [large(helping), helping, large(reductions)].find(({ length }) => length > 0) ?? [];
  const flags = named.map(({ flag }) => `--${flag}`);
  const advice = flags.length > 0 ? `make ${flags.join(' or ')} smaller` : 'choose another adapter';
  return new UserError(
    `${asked.spec.name} with these options needs a tensor of ${shown(bytes)}, and ${device.name} takes ` +
      `${shown(limit)} at most: ${advice}`,
  );
}

/** An option is named if halving it saves a tenth. */
const WORTH_SAYING = 0.9;

/** An option that may make a training run smaller. */
interface Reduction {
  readonly flag: string;
  /** Its value, divided by the default. */
  readonly excess: number;
  /** The training run with half of it. */
  readonly reduced: Partial<Training>;
}

function reductionsOf({ spec, config, data }: Training): Reduction[] {
  const known = Object.entries({ ...modelOptions, ...trainingOptions });
  const reductions = known.flatMap(([option, { kind }]): Reduction[] => {
    const name = option as 'hidden'; // for one, of those that are whole numbers
    const usual = spec.defaults[name];
    if (kind !== 'whole' || usual === undefined) return [];
    const half = { ...config, [name]: Math.ceil(config[name] / 2) };
    return [{ flag: flagOf(name), excess: config[name] / usual, reduced: { config: half } }];
  });
  if (!data.normalization) return reductions;
  const [channels, height, width] = data.shape;
  const shape = [channels, Math.ceil(height / 2), Math.ceil(width / 2)] as const;
  const excess = height / DEFAULT_IMAGE_SIZE;
  return [...reductions, { flag: 'image-size', excess, reduced: { data: { ...data, shape } } }];
}

/** The bytes of a tensor beyond the limit; 0 if there is none, NaN if there is no such model. */
function overflowOf({ spec, config, data }: Training, limit: number): number {
  const device = new Scales(limit);
  try {
    const noise = new Generator(0, { device });
    const model = spec.build(data.shape, config, noise);
    device.open();
    // The optimizer keeps all weights in one buffer.
    empty([slotsOf(model.parameters()).total], { device });
    // A training step. Evaluations and pictures make their batches as small as necessary.
    const x = empty([config.batchSize, ...data.shape], { device });
    evaluating(model, () => model.objective(x, { noise, epoch: () => full([], 0, { device }) }));
  } catch (error) {
    if (error !== TOO_LARGE) return Number.NaN;
  }
  return device.largest > limit ? device.largest : 0;
}

const TOO_LARGE = Symbol();

/** A device without memory that notes how large tensors are. */
class Scales extends TracingDevice {
  /** Bytes of the largest tensor. */
  largest = 0;
  #limit: number;

  /** @param limit where it stops: building a model fills tensors in host memory before they are written */
  constructor(limit: number) {
    super();
    this.#limit = limit;
  }

  /** Removes the limit. */
  open(): void {
    this.#limit = Number.POSITIVE_INFINITY;
  }

  override allocate(dtype: DType, size: number) {
    const bytes = 4 * size;
    this.largest = Math.max(this.largest, bytes);
    if (bytes > this.#limit) throw TOO_LARGE;
    return super.allocate(dtype, size);
  }

  override write(): void {}
  override update(): void {}
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

/** `6.27 GB` */
function shown(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${units[power]}`;
}
