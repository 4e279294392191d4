import { UserError } from '../errors.ts';
import type { Dataset } from './datasets.ts';

/**
 * Each half of a dataset lies on the device as one tensor of bytes, so the adapter has to take it in one piece.
 * @param limits of the adapter, in bytes
 * @throws UserError that says how many images would fit
 */
export function assertFits(
  { name, shape, train, test }: Dataset,
  limits: { readonly maxBufferSize: number; readonly maxStorageBufferBindingSize: number },
): void {
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  const perImage = shape[0] * shape[1] * shape[2];
  const fitting = Math.floor(most / perImage);
  for (const [{ count }, what, way] of [
    [train, 'training', `use --limit ${fitting}, smaller images (--image-size) or another adapter`],
    [test, 'test', 'use smaller images (--image-size) or another adapter'],
  ] as const) {
    if (count <= fitting) continue;
    throw new UserError(
      `--data ${name}: ${count} ${what} images of ${shape.join('x')} take ${count * perImage} bytes, more than this ` +
        `adapter holds in one piece (${most} bytes): ${way}`,
    );
  }
}
