import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import {
  apply,
  ForcedVariant,
  type Op,
  ops,
  type Shape,
  scope,
  sizeOf,
  tensor,
  within,
} from '@tapegrad/tensor';
import { models } from '@tapegrad/vae';
import type { ContractionCall } from '../kernels/case.ts';
import { trainingStep } from '../training.ts';
import { openFor, type Stage } from './stage.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** The suites of kernels, captured programs and rules, several processes at once; none stops the others. */
export const suites: Stage = {
  name: 'tests',
  about: 'The suites of kernels, gradients and captured programs, each in a process of its own.',
  seconds: 150,
  async run({ adapter, small }, say) {
    const pattern = small ? '^tensor/(reduce|context)$' : '^(tensor|autograd|nn)/';
    const jobs = String(Math.min(8, availableParallelism()));
    const args = [
      '--import',
      'tsx',
      'test/run.ts',
      pattern,
      '--adapter',
      adapter,
      '--jobs',
      jobs,
      '--suites-only',
    ];
    const child = spawn(process.execPath, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
    let output: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const [, verdict, suite, passed, total, seconds] =
        /^(ok|FAILED): (\S+).* \((\d+) of (\d+).*, ([\d.]+) s\)$/.exec(line) ?? [];
      if (verdict) {
        const counts = { suite: suite!, passed: Number(passed), of: Number(total), seconds: Number(seconds) };
        say(verdict === 'ok' ? counts : { ...counts, why: output.filter(Boolean).slice(-40).join('\n') });
        output = [];
      } else output.push(line);
    }
  },
};

/** Numbers as chance would have it, the same for one seed. */
function chance(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** A product or a convolution, or one of its gradients, of a random shape. */
function randomCall(next: (below: number) => number, most: number): ContractionCall {
  const extent = () => 1 + next(next(3) === 0 ? most : Math.ceil(most / 8));
  if (next(2) === 0) {
    const [m, n, k, batch] = [extent(), extent(), extent(), next(4) === 0 ? [1 + next(4)] : []];
    const [transposeA, transposeB] = [next(2) === 0, next(2) === 0];
    const a: Shape = [...batch, ...(transposeA ? [k, m] : [m, k])];
    const b: Shape = [...batch, ...(transposeB ? [n, k] : [k, n])];
    return { op: 'matmul', shapes: [a, b], attributes: { transposeA, transposeB } };
  }
  const pair = (least: number, range: number) => [least + next(range), least + next(range)] as const;
  const [kernel, stride, dilation] = [pair(1, 4), pair(1, 3), pair(1, 2)];
  const padding = [next(kernel[0]), next(kernel[1])] as const;
  const reach = (k: 0 | 1) => dilation[k] * (kernel[k] - 1) + 1;
  const size = [reach(0) + next(24), reach(1) + next(24)] as const;
  const out = (k: 0 | 1) => Math.floor((size[k] + 2 * padding[k] - reach(k)) / stride[k]) + 1;
  const [images, channels, outputs] = [1 + next(Math.ceil(most / 16)), 1 + next(24), 1 + next(40)];
  const x: Shape = [images, channels, ...size];
  const w: Shape = [outputs, channels, ...kernel];
  const y: Shape = [images, outputs, out(0), out(1)];
  const attributes = { stride, padding, dilation };
  const calls: ContractionCall[] = [
    { op: 'conv2d', shapes: [x, w], attributes },
    { op: 'conv2dInputGradient', shapes: [y, w], attributes: { ...attributes, size } },
    { op: 'conv2dWeightGradient', shapes: [x, y], attributes: { ...attributes, size: kernel } },
  ];
  return calls[next(3)]!;
}

/** Random shapes: what is chosen for this adapter against the plain kernel, on whole numbers, whose sums are exact. */
export const randomContractions: Stage = {
  name: 'random contractions',
  about:
    'Products and convolutions of random shapes: what is chosen for this adapter against the plain kernel. Operands are whole numbers, so that every element has to be the same.',
  seconds: 40,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const next = chance(conditions.seed);
    const end = performance.now() + (conditions.small ? 4_000 : 30_000);
    let [compared, different] = [0, 0];
    while (performance.now() < end) {
      const call = randomCall(next, conditions.small ? 64 : 384);
      const run = async (variant?: string) => {
        const result = scope(() => {
          const inputs = call.shapes.map((shape, k) => {
            const values = chance(k + 1);
            return tensor(
              Float32Array.from({ length: sizeOf(shape) }, () => values(5) - 2),
              { shape, device },
            );
          });
          const compute = () => apply(ops[call.op] as Op<unknown>, inputs, call.attributes);
          return variant ? within(new ForcedVariant(variant), compute) : compute();
        });
        const values = await result.data();
        result.dispose();
        return values;
      };
      const [chosen, plain] = [await run(), await run('naive')];
      const at = chosen.findIndex((value, i) => value !== plain[i]);
      compared++;
      if (at >= 0) {
        different++;
        if (different <= 20)
          say({
            differs: JSON.stringify(call),
            at,
            chosen: chosen[at]!,
            plain: plain[at]!,
            seed: conditions.seed,
          });
      }
    }
    say({ compared, different, seed: conditions.seed });
  },
};

/** Training twice, and op by op: the same bytes. The sums are for comparing with another start of the machine. */
export const sameBytes: Stage = {
  name: 'same bytes',
  about:
    'The weights after some training steps: captured, captured once more from the start, and op by op. The checksum is for comparing with another day.',
  seconds: 40,
  async run(conditions, say) {
    const device = await openFor(conditions);
    const steps = conditions.small ? 3 : 50;
    for (const name of ['ae', 'vae-mlp', 'vae', 'vq-vae']) {
      const trained = async (way: 'captured' | 'eager') => {
        const step = trainingStep(models.get(name)!, device, conditions.small);
        for (let i = 0; i < steps; i++) step[way]();
        const sum = createHash('sha256');
        for (const parameter of step.model.parameters()) {
          const values = await parameter.data();
          sum.update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
        }
        step.captured.dispose();
        return sum.digest('hex').slice(0, 16);
      };
      const captured = await trained('captured');
      const [again, eager] = [await trained('captured'), await trained('eager')];
      say({ model: name, steps, captured, again, eager, same: captured === again && captured === eager });
    }
  },
};
