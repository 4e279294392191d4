import { backendOf, type WebGPUDevice } from './device.ts';
import type { Step } from './program-steps.ts';

/**
 * Replays once with a pass for each launch, and returns what each took on the device, in nanoseconds. Dawn rounds
 * timestamps to 0.1 ms unless the device was opened with the toggle `timestamp_quantization` disabled.
 * @throws if the adapter has no timestamps
 */
export async function profileSteps(
  device: WebGPUDevice,
  steps: readonly Step[],
  /** Encodes what has to come first. */
  prepare: (encoder: GPUCommandEncoder) => void,
): Promise<number[]> {
  const { gpu } = device;
  const { pipelines, wait } = backendOf(device);
  if (!gpu.features.has('timestamp-query')) throw new Error(`profile: ${device.name} has no timestamps`);
  const count = 2 * steps.length;
  const querySet = gpu.createQuerySet({ type: 'timestamp', count });
  const resolved = gpu.createBuffer({
    size: 8 * count,
    usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
  });
  const staging = gpu.createBuffer({
    size: 8 * count,
    usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
  });
  device.submit((encoder) => {
    prepare(encoder);
    steps.forEach(({ dispatch, group }, i) => {
      const timestampWrites = {
        querySet,
        beginningOfPassWriteIndex: 2 * i,
        endOfPassWriteIndex: 2 * i + 1,
      };
      const pass = encoder.beginComputePass({ timestampWrites });
      pass.setPipeline(pipelines.ready(dispatch.kernel));
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...dispatch.workgroups);
      pass.end();
    });
    encoder.resolveQuerySet(querySet, 0, count, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, staging, 0, 8 * count);
  });
  await device.synchronize();
  await wait(staging.mapAsync(GPUMapMode.READ));
  const times = new BigInt64Array(staging.getMappedRange().slice(0));
  for (const resource of [staging, resolved, querySet]) resource.destroy();
  return steps.map((_, i) => Number(times[2 * i + 1]! - times[2 * i]!));
}
