/* Runs on every adapter. */
import { openBrowserDevice, scope, tensor } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from '../helpers/device.ts';

/* The browser's way in, with Dawn behind `navigator.gpu`; a browser itself is not started here. */

const withNavigator = async <T>(navigator: unknown, fn: () => Promise<T>): Promise<T> => {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true });
  try {
    return await fn();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
};

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => '',
    (error: Error) => error.message,
  );

test('opens navigator.gpu and computes', async () => {
  const opened = await withNavigator({ gpu: device.found.gpu }, () => openBrowserDevice());
  const x = tensor([1, 2, 3], { device: opened });
  assert.is(await scope(() => x.mul(x).sum()).item(), 14);
  opened.destroy();
});

test('says what is missing', async () => {
  const withoutGpu = () => withNavigator({}, () => message(openBrowserDevice()));
  assert.match(await withoutGpu(), /no navigator\.gpu here; in Node.* openDevice\(\) of @tapegrad\/node$/);
  for (const [isSecureContext, what] of [
    [false, /only over https or on localhost$/],
    [true, /this browser has no WebGPU/],
  ] as const) {
    Object.assign(globalThis, { isSecureContext });
    try {
      assert.match(await withoutGpu(), what);
    } finally {
      Reflect.deleteProperty(globalThis, 'isSecureContext');
    }
  }
  const gpu = { requestAdapter: async () => null };
  assert.match(await withNavigator({ gpu }, () => message(openBrowserDevice())), /offers no WebGPU adapter/);
});

test.run();
