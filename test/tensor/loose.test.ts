/* Runs on every adapter. */
import { keep, scope, zeros } from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { device } from '../helpers/device.ts';

/* A loop outside a scope that never awaits holds on to its memory: it is told so, once. */

test('memory that no scope owns is spoken of once; what scopes dispose or somebody keeps is not counted', () => {
  const said: string[] = [];
  const { warn } = console;
  console.warn = (text: string) => said.push(text);
  try {
    // Without memory: what counts is what tensors say of themselves.
    const silent = Object.assign(Object.create(device) as typeof device, {
      allocate: (dtype: 'float32', size: number) => ({ device: silent, dtype, size, references: 0 }),
      release() {},
      write() {},
    });
    const megabytes = () => zeros([6, 2 ** 18], { device: silent });
    for (let i = 0; i < 300; i++) scope(() => void megabytes());
    for (let i = 0; i < 300; i++) megabytes().dispose();
    for (let i = 0; i < 300; i++) keep(megabytes());
    assert.equal(said, []);
    const held = [];
    for (let i = 0; i < 300; i++) held.push(megabytes());
    assert.is(said.length, 1);
    assert.match(
      said[0]!,
      /^tapegrad: 2\d\d tensors made outside of any scope hold 1\.\d GB.*scope\(\(\) => …\)/,
    );
    assert.is(held.length, 300);
  } finally {
    console.warn = warn;
  }
});

test.run();
