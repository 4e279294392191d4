import { TensorTooLargeError } from '@tapegrad/tensor';

/** Called with the number of images done and the total. */
export type ImagesDone = (done: number, total: number) => void;

/**
 * The batch to try after an error: half of the one that failed, if a tensor in it was too large for the device.
 * @throws the error itself if it says anything else, or nothing is left to halve
 */
export function smallerBatch(error: unknown, batch: number): number {
  if (!(error instanceof TensorTooLargeError) || batch <= 1) throw error;
  return Math.ceil(batch / 2);
}

/**
 * Calls `run` for `count` rows part by part: `most` rows at a time, or fewer where the device cannot hold that many.
 */
export async function inBatches(
  count: number,
  most: number,
  run: (start: number, rows: number) => Promise<void>,
): Promise<void> {
  let size = most;
  for (let start = 0; start < count; ) {
    const rows = Math.min(size, count - start);
    try {
      await run(start, rows);
      start += rows;
    } catch (error) {
      size = smallerBatch(error, rows);
    }
  }
}
