import { type FindOptions, openDevice } from '@tapegrad/node';
import { setDefaultDevice } from '@tapegrad/tensor';
import { UserAdvice } from '../errors.ts';

/** Opens the adapter, says on stderr which one it is, and makes it the default. */
export async function openAdapter(choice: string, options: Pick<FindOptions, 'toggles'> = {}) {
  try {
    const device = await openDevice(choice, options);
    process.stderr.write(`${device.found.announcement}\n`);
    setDefaultDevice(device);
    return device;
  } catch (error) {
    throw new UserAdvice((error as Error).message);
  }
}
