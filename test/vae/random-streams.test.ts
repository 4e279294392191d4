/* Runs without an adapter. */
/** One seed, many uses: no two may draw the same numbers, and none may come to draw others than before. */

import { Generator, referenceDevice } from '@tapegrad/tensor';
import { randomStreams } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const streams = Object.entries(randomStreams);

test('random streams: the numbers that runs were made with', () => {
  assert.equal(randomStreams, {
    weights: 1,
    training: 2,
    evaluation: 3,
    order: 4,
    pictures: 5,
    trainPixels: 6,
    testPixels: 7,
    importance: 8,
  });
});

test('random streams: every use has numbers of its own, on the device and on the host', async () => {
  for (const seed of [0, 1, 7, -3, 2 ** 32 + 1]) {
    const keys = new Map<string, string>();
    for (const [name, stream] of streams) {
      const { state } = new Generator(seed, { stream, device: referenceDevice });
      const [low, high] = await state.data();
      // `Generator` mixes the stream into the key; `threefry` on the host takes it as the key's second word.
      for (const [where, key] of [
        ['device', `${low} ${high}`],
        ['host', `${seed >>> 0} ${stream}`],
      ] as const) {
        const use = `${name} on the ${where}`;
        assert.is(
          keys.get(key),
          undefined,
          `seed ${seed}: ${use} and ${keys.get(key)} draw the same numbers`,
        );
        keys.set(key, use);
      }
    }
  }
});

test.run();
