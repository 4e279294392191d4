import { type Device, openBrowserDevice, referenceDevice } from '@tapegrad/tensor';
import { serve } from '../ui/rpc.ts';
import { inspect } from './inspect.ts';

let device: Promise<Device> | undefined;

const handlers = {
  async inspect({ code, hasGpu }: { code: string; hasGpu: boolean }) {
    device ??= hasGpu ? openBrowserDevice() : Promise.resolve(referenceDevice);
    return inspect(code, await device);
  },
};

export type AutogradHandlers = typeof handlers;

serve(handlers);
