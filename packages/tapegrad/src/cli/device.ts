import { type FindOptions, openDevice } from '@tapegrad/node';
import { setDefaultDevice } from '@tapegrad/tensor';
import { UserError } from '../errors.ts';

export const ADAPTER_HELP = 'auto, gpu, lavapipe, swiftshader, or part of a name';

/** The help of `--data` for commands that show a run. */
export const DATA_HELP = "where the run's images are by now, or other images to show it with";

/** Opens the adapter, says on stderr which one it is, and makes it the default. */
export async function openAdapter(choice: string, options: Pick<FindOptions, 'toggles'> = {}) {
  try {
    const device = await openDevice(choice, options);
    process.stderr.write(`${device.found.announcement}\n`);
    setDefaultDevice(device);
    return device;
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}
