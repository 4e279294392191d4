import { WebGPUDevice } from './device.ts';

/**
 * Opens the browser's WebGPU adapter.
 * In Node, `openDevice` from `@tapegrad/node` finds an adapter instead.
 * @throws if the browser has no WebGPU or offers no adapter
 */
export async function openBrowserDevice(
  options: { powerPreference?: GPUPowerPreference } = {},
): Promise<WebGPUDevice> {
  const { powerPreference = 'high-performance' } = options;
  const gpu: GPU | undefined = globalThis.navigator?.gpu;
  if (!gpu) throw new Error(`openBrowserDevice: ${whyMissing()}`);
  const adapter = await gpu.requestAdapter({ powerPreference });
  if (!adapter)
    throw new Error(
      'openBrowserDevice: the browser offers no WebGPU adapter; is it blocked or switched off?',
    );
  const { vendor, architecture, description } = adapter.info;
  const name = description || `${vendor} ${architecture}`.trim() || 'WebGPU';
  const all = `${vendor} ${architecture} ${description}`;
  const kind = /llvmpipe/i.test(all) ? 'lavapipe' : /swiftshader|software/i.test(all) ? 'swiftshader' : 'gpu';
  return WebGPUDevice.open({ adapter, kind, name });
}

/** Why `navigator.gpu` is missing, and what to do. Every page and its workers know whether they are secure, Node and Bun do not. */
function whyMissing(): string {
  if (globalThis.isSecureContext === undefined)
    return 'there is no navigator.gpu here; in Node, Bun and Deno call openDevice() of @tapegrad/node';
  if (!globalThis.isSecureContext) return 'pages have WebGPU (navigator.gpu) only over https or on localhost';
  return 'this browser has no WebGPU (navigator.gpu is missing)';
}
