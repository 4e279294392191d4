import { diagnose } from '@tapegrad/node';
import type { WebGPUDevice } from '@tapegrad/tensor';
import { measureRoofs } from '../roofline.ts';
import { medianOf, QUICK, THOROUGH, timed } from '../timing.ts';
import { openFor, rounded, type Stage } from './stage.ts';

/** What there is: everything else depends on it. */
export const adapter: Stage = {
  name: 'adapter',
  about: 'The adapter, its driver, and what it offers.',
  seconds: 10,
  async run({ adapter }, say) {
    const { chosen, webgpu, messages } = await diagnose(adapter);
    if (!chosen)
      throw new Error(`no adapter fits '${adapter}': ${messages.join('; ') || 'nothing was found'}`);
    const { kind, name, driver, vendor, architecture, subgroupMinSize, subgroupMaxSize } = chosen;
    say({ what: 'adapter', value: name });
    say({ what: 'kind', value: kind });
    say({ what: 'driver', value: driver });
    say({ what: 'vendor, architecture', value: `${vendor}, ${architecture}` });
    say({ what: 'webgpu', value: webgpu });
    say({ what: 'subgroups', value: `${subgroupMinSize} to ${subgroupMaxSize} lanes` });
    say({ what: 'features', value: chosen.features.join(', ') });
    for (const [limit, value] of Object.entries(chosen.limits)) say({ what: limit, value });
  },
};

const USAGE = () => GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC;
const CODE = `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(64) fn main(@builtin(local_invocation_index) i: u32) { x[i] = x[i] + 1.0; }`;

/** Launches that next to nothing, on one buffer in turns or each on its own. */
async function launches(device: WebGPUDevice, count: number, buffers: number): Promise<number> {
  const { gpu } = device;
  const pipeline = await gpu.createComputePipelineAsync({
    layout: 'auto',
    compute: { module: gpu.createShaderModule({ code: CODE }), entryPoint: 'main' },
  });
  const memory = Array.from({ length: buffers }, () => gpu.createBuffer({ size: 256, usage: USAGE() }));
  const groups = memory.map((buffer) =>
    gpu.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [{ binding: 0, resource: { buffer } }],
    }),
  );
  const run = () =>
    timed(async () => {
      device.submit((encoder) => {
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        for (let i = 0; i < count; i++) {
          pass.setBindGroup(0, groups[i % buffers]!);
          pass.dispatchWorkgroups(1);
        }
        pass.end();
      });
      await device.synchronize();
    });
  await run();
  const samples: number[] = [];
  for (let i = 0; i < 7; i++) samples.push(await run());
  for (const buffer of memory) buffer.destroy();
  return medianOf(samples);
}

/** What costs the same however much is computed. */
export const fixedCosts: Stage = {
  name: 'fixed costs',
  about:
    'What a launch, a submission and a readback cost when there is next to nothing to do. Launches on one buffer wait for each other; those on buffers of their own need not.',
  seconds: 15,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const count = conditions.small ? 50 : 2000;
    const empty: number[] = [];
    for (let i = 0; i < 30; i++) {
      empty.push(
        await timed(async () => {
          device.submit(() => {});
          await device.synchronize();
        }),
      );
    }
    const idle = medianOf(empty);
    say({ what: 'submit nothing and wait', microseconds: rounded(1000 * idle) });
    for (const [what, buffers] of [
      ['a launch that waits for the one before', 1],
      ['a launch that need not wait', count],
    ] as const) {
      const ms = await launches(device, count, buffers);
      say({ what, microseconds: rounded((1000 * (ms - idle)) / count) });
    }
    const { gpu } = device;
    for (const bytes of [4, 2 ** 20]) {
      const source = gpu.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.STORAGE,
      });
      const target = gpu.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
      });
      const samples: number[] = [];
      for (let i = 0; i < 20; i++) {
        samples.push(
          await timed(async () => {
            device.submit((encoder) => encoder.copyBufferToBuffer(source, 0, target, 0, bytes));
            const mapped = target.mapAsync(GPUMapMode.READ);
            await device.synchronize();
            await mapped;
            target.unmap();
          }),
        );
      }
      say({ what: `read ${bytes} bytes back`, microseconds: rounded(1000 * medianOf(samples)) });
      source.destroy();
      target.destroy();
    }
  },
};

export const roofs: Stage = {
  name: 'roofs',
  about:
    'How fast memory is copied and numbers in registers are multiplied and added: no kernel can do better.',
  seconds: 25,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const found = await measureRoofs(device, conditions.small ? QUICK : THOROUGH, conditions.small);
    const units = { bandwidth: 'GB/s', kernelBandwidth: 'GB/s, by a kernel', compute: 'GFLOP/s' } as const;
    for (const [key, unit] of Object.entries(units)) {
      const { rate, probe } = found[key as keyof typeof units];
      say({ roof: unit, rate: rounded(rate), probe });
    }
  },
};
