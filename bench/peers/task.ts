/** float32 values with their shape, row-major, in PyTorch's layouts: NCHW images, OIHW and [in, out, kh, kw] weights. */
export interface Array32 {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A times B. */
export interface ProductTask {
  readonly kind: 'matmul';
  readonly id: string;
  readonly a: Array32;
  readonly b: Array32;
}

/** A convolution (kernel 4, stride 2, padding 1), or one of its gradients, from the two arrays that it needs. */
export interface ConvolutionTask {
  readonly kind: 'conv2d' | 'input gradient' | 'weight gradient';
  readonly id: string;
  readonly x: Array32;
  readonly w: Array32;
  /** What comes back from the output: as large as it. */
  readonly dy: Array32;
}

/** Models whose steps everybody knows. */
export type TrainedModel = 'ae' | 'vae-mlp' | 'vae-blog';

/** A training step of a model, always on the same batch, with Adam. */
export interface TrainingTask {
  readonly kind: TrainedModel;
  readonly id: string;
  readonly weights: ReadonlyMap<string, Array32>;
  /** [B, 1, 28, 28] as the model sees it, and the bytes that it is made from. */
  readonly batch: Array32;
  readonly bytes: Uint8Array;
  readonly lr: number;
  readonly betas: readonly [number, number];
}

export type Task = ProductTask | ConvolutionTask | TrainingTask;

export const isTraining = (task: Task): task is TrainingTask => 'weights' in task;

/** Stride and padding of all convolutions here. */
export const STRIDE = 2;
export const PADDING = 1;

/** A task on a contestant, ready to run. */
export interface Entry {
  /**
   * A number by which contestants can tell that they did the same work: the mean square of the result, or the loss of
   * the third step. Called once, before `run`.
   */
  check(): Promise<number>;
  /** Does it so many times, waits for the end, and returns the milliseconds that all of it took. */
  run(times: number): Promise<number>;
  dispose(): void;
}

/** One library that takes part. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  /** @throws if the library cannot do this task */
  enter(task: Task): Promise<Entry>;
  close(): void;
}

/** Steps before the loss that is compared. */
export const CHECKED_STEPS = 3;

export const meanSquare = (values: ArrayLike<number>): number => {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return sum / values.length;
};
