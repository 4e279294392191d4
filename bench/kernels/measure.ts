import { capture, Generator, type WebGPUDevice } from '@tapegrad/tensor';
import { boundOf, leastTime, type Roofs } from '../roofline.ts';
import { cpuTime, type Effort, sampled, type Timing, timed, timingOf } from '../timing.ts';
import { FAMILIES, type KernelCase } from './case.ts';

export interface KernelRow {
  readonly id: string;
  readonly models?: readonly string[];
  readonly flops: number;
  readonly bytes: number;
  readonly ms: Timing;
  /**
   * CPU time of the whole process in milliseconds, the median: a software adapter's work, whoever else is running. Not
   * known in a browser.
   */
  readonly cpuMs?: number;
  readonly gflops: number;
  readonly gbs: number;
  readonly bound: 'compute' | 'memory';
  /** Of the roof at this arithmetic intensity. More than 1 where the data stay in a cache. */
  readonly roof: number;
  /** Milliseconds of the first launch, in which the kernels were compiled. */
  readonly first: number;
}

export interface Skipped {
  readonly id: string;
  readonly reason: string;
}

/** Repetitions in one captured program: starting a program costs the host more than one of its launches. */
const REPETITIONS = 16;

const contractions = new Set(Object.values(FAMILIES));

/** Measures kernels, some rounds of all of them. */
export class KernelBench {
  readonly #device: WebGPUDevice;
  readonly #effort: Effort;
  readonly #samples = new Map<string, { ms: number[]; cpu: number[]; first: number }>();
  readonly skipped: Skipped[] = [];
  /** GFLOP/s to be expected of a contraction. */
  #expected: number | undefined;

  constructor(device: WebGPUDevice, effort: Effort) {
    this.#device = device;
    this.#effort = effort;
  }

  /**
   * The cases that this adapter can do, and do in time: contractions are judged by the rate of `yardstick`, a small one;
   * the others by how fast a kernel copies.
   */
  async feasible(cases: readonly KernelCase[], yardstick: KernelCase, { kernelBandwidth }: Roofs) {
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.gpu.limits;
    const largest = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    const { longest } = this.#effort;
    const isContraction = ({ id }: KernelCase) => contractions.has(id.split('/')[0]!);
    if (cases.some(isContraction)) {
      const { ms } = await this.#measure(yardstick);
      this.#expected = yardstick.flops / Math.min(...ms) / 1e6;
    }
    return cases.filter((one) => {
      const seconds = isContraction(one)
        ? one.flops / this.#expected! / 1e9
        : one.bytes / kernelBandwidth.rate / 1e9;
      const reason =
        one.largest > largest
          ? `a tensor of ${Math.round(one.largest / 2 ** 20)} MiB is more than this adapter binds (${Math.round(largest / 2 ** 20)} MiB)`
          : seconds > longest
            ? `would take about ${seconds.toPrecision(2)} s a launch, more than --longest ${longest}`
            : undefined;
      if (reason) this.skipped.push({ id: one.id, reason });
      return !reason;
    });
  }

  /** One round of one case, for nobody but the caller. */
  samples(one: KernelCase): Promise<{ readonly ms: readonly number[] }> {
    return this.#measure(one);
  }

  /** One round of one case. */
  async round(one: KernelCase): Promise<void> {
    const { ms, cpu, first } = await this.#measure(one);
    const before = this.#samples.get(one.id);
    if (before) {
      before.ms.push(...ms);
      before.cpu.push(...cpu);
    } else this.#samples.set(one.id, { ms, cpu, first });
  }

  row({ id, flops, bytes, models }: KernelCase, roofs: Roofs): KernelRow {
    const { ms: samples, cpu, first } = this.#samples.get(id)!;
    const ms = timingOf(samples);
    return {
      id,
      ...(models ? { models } : {}),
      flops,
      bytes,
      ms,
      ...(Number.isNaN(cpu[0]) ? {} : { cpuMs: timingOf(cpu).median }),
      gflops: flops / ms.median / 1e6,
      gbs: bytes / ms.median / 1e6,
      bound: boundOf(roofs, flops, bytes),
      roof: leastTime(roofs, flops, bytes) / ms.median,
      first,
    };
  }

  async #measure(one: KernelCase): Promise<{ ms: number[]; cpu: number[]; first: number }> {
    const device = this.#device;
    const inputs = one.inputs(new Generator(1, { device }));
    const once = capture(() => one.run(inputs), { device });
    const often = capture(
      () => {
        for (let i = 0; i < REPETITIONS; i++) one.run(inputs);
      },
      { device },
    );
    try {
      await device.synchronize();
      const first = await timed(() => repeat(device, once, 1));
      // One more: a driver may put off until then what compiling has left to do.
      const second = await timed(() => repeat(device, once, 1));
      const short = second < this.#effort.sample / REPETITIONS;
      const [step, each] = short ? [often, REPETITIONS] : [once, 1];
      if (short) await repeat(device, step, 1);
      const cpu: number[] = [];
      const samples = await sampled(async (times) => {
        const before = cpuTime();
        await repeat(device, step, times);
        cpu.push((cpuTime() - before) / times / each);
      }, this.#effort);
      return { ms: samples.map((ms) => ms / each), cpu: cpu.slice(1), first };
    } finally {
      once.dispose();
      often.dispose();
      for (const input of inputs) input.dispose();
      device.trim();
    }
  }
}

async function repeat(device: WebGPUDevice, step: () => void, times: number): Promise<void> {
  for (let i = 0; i < times; i++) step();
  await device.synchronize();
}
