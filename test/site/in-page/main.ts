import { loadStateDict } from '@tapegrad/nn';
import { openBrowserDevice } from '@tapegrad/tensor';
import { opFaults } from './ops.ts';
import { gradientOfQuickstart } from './quickstart.ts';
import { reconstructed, trained } from './training.ts';

/* What the test asks of a page. Bytes travel as base64. */

const device = await openBrowserDevice();
const text = (bytes: Uint8Array) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
const bytes = (encoded: string) => Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));

const page = {
  device: { name: device.name, kind: device.adapterKind },
  opFaults: () => opFaults(device),
  quickstart: () => gradientOfQuickstart(device),
  async trained(name: string) {
    const { losses, weights, launches } = await trained(name, device);
    return { losses, launches, weights: text(weights) };
  },
  async reconstructed(name: string, weights: string) {
    const pixels = await reconstructed(name, device, (model) => loadStateDict(model, bytes(weights)));
    return text(new Uint8Array(pixels.buffer));
  },
};
export type InPage = typeof page;
Object.assign(globalThis, { inPage: page });
