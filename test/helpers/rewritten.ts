import { openDevice } from '@tapegrad/node';
import type { WebGPUDevice } from '@tapegrad/tensor';

/**
 * A device of its own whose kernels are compiled from rewritten text: as a compiler of another driver might have it, or for
 * hardware that is not here.
 */
export async function rewriting(choice: string, rewrite: (code: string) => string): Promise<WebGPUDevice> {
  const device = await openDevice(choice);
  const create = device.gpu.createShaderModule.bind(device.gpu);
  Object.defineProperty(device.gpu, 'createShaderModule', {
    value: (descriptor: GPUShaderModuleDescriptor) =>
      create({ ...descriptor, code: rewrite(descriptor.code) }),
  });
  return device;
}
