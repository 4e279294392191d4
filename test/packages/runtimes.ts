import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Ran, succeed } from '../helpers/packed.ts';
import { installRuntimes, runtimesAreForThisSystem } from '../helpers/runtimes.ts';
import { quickstart } from './programs.ts';

/** A few captured steps of `vae-mlp`, and their losses as JSON; `own` asks for the runtime's own WebGPU. */
const training = `
import { openBrowserDevice, threefry, vae } from 'tapegrad';
const [adapter] = process.argv.slice(2);
const device =
  adapter === 'own' ? await openBrowserDevice() : await (await import('@tapegrad/node')).openDevice(adapter);
const images = (count) => ({
  count,
  images: Uint8Array.from({ length: count * 784 }, (_, k) => {
    const inside = Math.abs((k % 28) - 6 - (Math.floor(k / 784) % 16)) < 3;
    return (inside ? 200 : 0) + (threefry(7, 1, k, 0)[0] % 50);
  }),
});
const spec = vae.models.get('vae-mlp');
const data = { shape: [1, 28, 28], train: images(40), test: images(8) };
const settings = vae.settingsOf(spec, { batchSize: 8, hidden: 64 });
const trainer = new vae.Trainer(spec, data, { ...settings, seed: 3, device });
await trainer.prepare();
const losses = [];
await trainer.trainEpoch(({ metrics }) => losses.push(metrics));
console.log(JSON.stringify({ name: device.name, losses }));
device.destroy();
`;

interface Trained {
  readonly name: string;
  readonly losses: readonly Record<string, number>[];
}

export async function testRuntimes(app: string): Promise<void> {
  if (!runtimesAreForThisSystem) {
    test.skip('the runtimes of test/runtimes are for Linux x64', () => {});
    process.stdout.write('\nSKIPPED: the runtimes of test/runtimes are for Linux x64\n');
    return;
  }
  const { nodeModules: at, deno } = await installRuntimes();
  const runtimes: Record<string, [command: string, ...args: string[]]> = {
    'Node 20': [join(at, 'node-20/bin/node')],
    'Node 22': [join(at, 'node-22/bin/node')],
    'Node 24': [join(at, 'node-24/bin/node')],
    Bun: [join(at, '@oven/bun-linux-x64/bin/bun')],
    Deno: [deno, 'run', '--allow-all'],
  };
  const { code, prints } = quickstart();
  writeFileSync(join(app, 'quickstart.mjs'), code);
  writeFileSync(join(app, 'training.mjs'), training);
  const train = async (command: readonly string[], adapter: string): Promise<Trained> => {
    const [program, ...args] = command as [string, ...string[]];
    const { stdout } = await succeed(program, [...args, 'training.mjs', adapter], { cwd: app });
    return JSON.parse(stdout) as Trained;
  };

  let expected: Trained | undefined;
  for (const [name, command] of Object.entries(runtimes)) {
    test(`${name}: the README's program, and the same training to the last bit`, async () => {
      const [program, ...args] = command;
      const { stdout, stderr }: Ran = await succeed(program, [...args, 'quickstart.mjs'], { cwd: app });
      // Each breaks nested arrays into lines in its own way.
      assert.is(stdout.replaceAll(/\s/g, ''), prints.join('').replaceAll(' ', ''));
      assert.not.match(stderr, /experimental|deprecat|artificially reduced|vkCreateInstance/i);
      const trained = await train(command, 'auto');
      expected ??= trained;
      assert.is(trained.losses.length, 5);
      assert.equal(trained, expected);
    });
  }

  for (const name of ['Bun', 'Deno']) {
    test(`${name}: takes SwiftShader where it is asked for`, async () => {
      const trained = await train(runtimes[name]!, 'swiftshader');
      assert.match(trained.name, 'SwiftShader');
      assert.ok(trained.losses.every(({ loss }) => Number.isFinite(loss)));
    });
  }

  test("Deno's own WebGPU, which is wgpu: the same training, up to rounding", async () => {
    const ask = 'console.log((await navigator.gpu.requestAdapter())?.info.description ?? "")';
    const { stdout } = await succeed(deno, ['eval', '--unstable-webgpu', ask]);
    if (stdout.trim() === '') {
      process.stdout.write("\nSKIPPED: Deno's WebGPU finds no Vulkan driver here\n");
      return;
    }
    const { losses } = await train([deno, 'run', '--allow-all', '--unstable-webgpu'], 'own');
    assert.is(losses.length, 5);
    losses.forEach((metrics, step) => {
      for (const [key, value] of Object.entries(expected!.losses[step]!)) {
        // Another compiler of WGSL, and perhaps another adapter: a few roundings of float32.
        const error = Math.abs(metrics[key]! - value) / Math.abs(value);
        assert.ok(error < 1e-5, `step ${step}, ${key}: ${metrics[key]} instead of ${value}`);
      }
    });
  });
}
