import type { WebGPUDevice } from '@tapegrad/tensor';
import { type Effort, sampled, type Timing, timingOf } from './timing.ts';

/*
 * The two limits of the roofline model (Williams, Waterman and Patterson 2009), measured rather than read from a data
 * sheet: how fast this adapter copies memory, and how fast it multiplies and adds numbers that stay in registers. No
 * kernel can do better than the lower of the two at its arithmetic intensity, unless its data stay in a cache.
 */

export interface Roof {
  /** The probe that reached it. */
  readonly probe: string;
  /** GB/s (read and written bytes both count) or GFLOP/s (a multiply-add counts as two). */
  readonly rate: number;
  readonly ms: Timing;
}

export interface Roofs {
  /** The fastest copy, by whomever. */
  readonly bandwidth: Roof;
  /** The fastest copy by a kernel: on software adapters, whose kernels load lane by lane, much slower. */
  readonly kernelBandwidth: Roof;
  readonly compute: Roof;
}

/** The least time in milliseconds that the roofs leave for so much work. */
export function leastTime({ bandwidth, compute }: Roofs, flops: number, bytes: number): number {
  return Math.max(flops / compute.rate, bytes / bandwidth.rate) / 1e6;
}

/** Which roof is the lower one for this work. */
export function boundOf({ bandwidth, compute }: Roofs, flops: number, bytes: number): 'compute' | 'memory' {
  return flops / compute.rate > bytes / bandwidth.rate ? 'compute' : 'memory';
}

interface Probe {
  readonly name: string;
  /** WGSL; the driver's own copy has none. */
  readonly code?: string;
  /** Bytes of the source and of the target. */
  readonly bytes: readonly [number, number];
  readonly workgroups: number;
  /** What one launch moves (bytes) or computes (operations). */
  readonly work: number;
}

const WORKGROUP = 64;
const MAX_GROUPS = 65_535;

/** Thread number i of a grid that is folded into rows of MAX_GROUPS workgroups. */
const THREAD = `let i = (group.y * ${MAX_GROUPS}u + group.x) * ${WORKGROUP}u + local;`;
const MAIN = `@compute @workgroup_size(${WORKGROUP}) fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) local: u32)`;
const BUFFERS = `@group(0) @binding(0) var<storage, read_write> target_: array<vec4f>;
@group(0) @binding(1) var<storage, read> source: array<vec4f>;`;

/**
 * A copy in which each thread moves `items` vec4s: neighbouring threads neighbouring vec4s, as a GPU likes it, or each
 * thread a run of its own in a loop, which suits a software adapter.
 */
function copyProbe(bytes: number, items: number, order: 'interleaved' | 'runs'): Probe {
  const moves = Array.from(
    { length: items },
    (_, k) => `target_[at + ${k * WORKGROUP}u] = source[at + ${k * WORKGROUP}u];`,
  );
  const body =
    order === 'runs'
      ? `for (var k = i * ${items}u; k < (i + 1u) * ${items}u; k++) { target_[k] = source[k]; }`
      : `let at = (i / ${WORKGROUP}u) * ${WORKGROUP * items}u + i % ${WORKGROUP}u;\n  ${moves.join('\n  ')}`;
  return {
    name: `copy of ${bytes / 2 ** 20} MiB by a kernel, ${items} vec4 a thread, ${order}`,
    code: `${BUFFERS}
${MAIN} {
  ${THREAD}
  ${body}
}`,
    bytes: [bytes, bytes],
    workgroups: bytes / 16 / WORKGROUP / items,
    work: 2 * bytes,
  };
}

/** Chains x ← x·a + b: `chains` of vec4s that do not depend on each other hide each other's latency. */
function multiplyAddProbe(threads: number, chains: number, turns: number, fma: boolean): Probe {
  const each = (text: (k: number) => string) =>
    Array.from({ length: chains }, (_, k) => text(k)).join('\n  ');
  const unrolled = 8;
  const step = (k: number) => (fma ? `x${k} = fma(x${k}, vec4f(a), vec4f(b));` : `x${k} = x${k} * a + b;`);
  return {
    name: `${chains} chains of vec4 ${fma ? 'fma' : 'multiply and add'} a thread`,
    code: `${BUFFERS}
${MAIN} {
  ${THREAD}
  let a = source[i].x;
  let b = source[i + ${threads}u].x;
  ${each((k) => `var x${k} = vec4f(a, b, a + ${k + 1}.0, b - ${k + 1}.0);`)}
  for (var turn = 0u; turn < ${turns}u; turn++) {
  ${Array.from({ length: unrolled }, () => each(step)).join('\n  ')}
  }
  target_[i] = ${Array.from({ length: chains }, (_, k) => `x${k}`).join(' + ')};
}`,
    bytes: [2 * 16 * threads, 16 * threads],
    workgroups: threads / WORKGROUP,
    work: threads * turns * unrolled * chains * 4 * 2,
  };
}

/** What the driver does when it is asked for a copy. */
function driverCopy(bytes: number): Probe {
  return {
    name: `copy of ${bytes / 2 ** 20} MiB by the driver`,
    bytes: [bytes, bytes],
    workgroups: 0,
    work: 2 * bytes,
  };
}

function probesFor(device: WebGPUDevice, quick: boolean): { copies: Probe[]; multiplyAdds: Probe[] } {
  const { limits } = device.gpu;
  const gpu = device.adapterKind === 'gpu';
  // Several times what a last-level cache holds: 50 MB on the largest GPUs, 32 MB for one core complex of a server.
  const wanted = quick ? 2 ** 24 : gpu ? 2 ** 29 : 2 ** 27;
  const most = Math.min(limits.maxBufferSize, limits.maxStorageBufferBindingSize);
  let bytes = wanted;
  while (bytes > most) bytes /= 2;
  const threads = gpu ? 2 ** 20 : 2 ** 12;
  const turns = quick ? 16 : gpu ? 256 : 512;
  return {
    copies: [
      driverCopy(bytes),
      copyProbe(bytes, 4, 'interleaved'),
      ...(quick ? [] : [copyProbe(bytes, 1, 'interleaved'), copyProbe(bytes, 64, 'runs')]),
    ],
    multiplyAdds: (quick ? [2] : [2, 3, 4, 8]).flatMap((chains) =>
      (quick ? [true] : [true, false]).map((fma) => multiplyAddProbe(threads, chains, turns, fma)),
    ),
  };
}

/** Measures one probe; the rate is that of the fastest sample, since a roof is what can be reached at all. */
async function measureProbe(device: WebGPUDevice, probe: Probe, effort: Effort): Promise<Roof> {
  const { gpu } = device;
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const buffers = probe.bytes.map((size) => gpu.createBuffer({ size, usage }));
  const [source, target] = buffers as [GPUBuffer, GPUBuffer];
  try {
    // Numbers between 0 and 1, so that the chains converge; not 0, which some machines copy and multiply faster.
    const piece = new Float32Array(2 ** 18).map((_, i) => 0.25 + (i % 97) / 256);
    for (let at = 0; at < source.size; at += piece.byteLength) {
      gpu.queue.writeBuffer(source, at, piece, 0, Math.min(piece.length, (source.size - at) / 4));
    }
    const encode = probe.code
      ? await dispatching(gpu, probe, probe.code, [target, source])
      : (encoder: GPUCommandEncoder, times: number) => {
          for (let i = 0; i < times; i++) encoder.copyBufferToBuffer(source, 0, target, 0, source.size);
        };
    const work = async (times: number) => {
      device.submit((encoder) => encode(encoder, times));
      await device.synchronize();
    };
    await work(1);
    const ms = timingOf(await sampled(work, effort));
    return { probe: probe.name, rate: probe.work / Math.min(...ms.samples) / 1e6, ms };
  } finally {
    for (const buffer of buffers) buffer.destroy();
  }
}

async function dispatching(gpu: GPUDevice, { name, workgroups }: Probe, code: string, buffers: GPUBuffer[]) {
  const module = gpu.createShaderModule({ code, label: name });
  const pipeline = await gpu.createComputePipelineAsync({
    layout: 'auto',
    compute: { module, entryPoint: 'main' },
  });
  const bindGroup = gpu.createBindGroup({
    layout: pipeline.getBindGroupLayout(0),
    entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
  });
  const [x, y] = [Math.min(workgroups, MAX_GROUPS), Math.ceil(workgroups / MAX_GROUPS)];
  return (encoder: GPUCommandEncoder, times: number) => {
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, bindGroup);
    for (let i = 0; i < times; i++) pass.dispatchWorkgroups(x, y);
    pass.end();
  };
}

/** Copies by the driver and by kernels, and multiply-adds: the best of several probes for each. */
export async function measureRoofs(device: WebGPUDevice, effort: Effort, quick: boolean): Promise<Roofs> {
  const { copies, multiplyAdds } = probesFor(device, quick);
  const measured = async (probes: readonly Probe[]) => {
    const roofs: Roof[] = [];
    for (const probe of probes) roofs.push(await measureProbe(device, probe, effort));
    return roofs;
  };
  const best = (roofs: readonly Roof[]) => roofs.reduce((top, roof) => (roof.rate > top.rate ? roof : top));
  const [driver, ...kernels] = await measured(copies);
  return {
    bandwidth: best([driver!, ...kernels]),
    kernelBandwidth: best(kernels),
    compute: best(await measured(multiplyAdds)),
  };
}
