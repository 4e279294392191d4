import { TensorTooLargeError } from '@tapegrad/tensor';

/** Called with how many images are done, and of how many. */
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
 * Calls `run` for one part of `count` rows after the other: `most` rows at a time, or fewer where these are more than the
 * device can hold.
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
