import type { Adam } from '@tapegrad/nn';
import { threefry } from '@tapegrad/tensor';
import type { DeviceDataset } from './device-dataset.ts';
import type { MetricsRing } from './metrics-ring.ts';
import type { Autoencoder, TrainingContext } from './models/model.ts';
import { randomStreams } from './random-streams.ts';

/** What a training step works on. */
export interface TrainingParts {
  readonly model: Autoencoder;
  readonly optimizer: Adam;
  readonly dataset: DeviceDataset;
  /** Where the step's metrics go. */
  readonly ring: MetricsRing;
  readonly context: TrainingContext;
}

/**
 * One training step on the next `count` images. All of it happens on the device and depends on nothing the host
 * keeps, so it can be captured.
 */
export function runTrainingStep(
  { model, optimizer, dataset, ring, context }: TrainingParts,
  count: number,
): void {
  optimizer.zeroGrad();
  const objective = model.objective(dataset.batch(count), context);
  ring.logStep(objective, dataset, count);
  objective.loss.backward();
  optimizer.step();
}

/**
 * The training set's order in an epoch, a permutation of 0 … count − 1: the Fisher–Yates shuffle with Threefry, on the
 * host, so it is the same everywhere.
 */
export function shuffledOrder(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i--) {
    const [word] = threefry(seed >>> 0, randomStreams.order, i, epoch);
    const j = word % (i + 1);
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
