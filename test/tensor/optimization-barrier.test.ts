/* Runs on every adapter. */
import { openDevice } from '@tapegrad/node';
import * as tg from '@tapegrad/tensor';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { adapter, numbers, on } from '../helpers/device.ts';
import { rewriting } from '../helpers/rewritten.ts';

/*
 * A compiler may contract a·b + c into one operation with one rounding. Where two ops are merged into one kernel that
 * would give other bytes than op by op, so a barrier is between them. The drivers here do not contract: so the kernels'
 * text is rewritten as a compiler that does would have it, with an emulated fma, and the bytes are compared with those of
 * the ops one by one. That the rewriting contracts where there is no barrier is tested, too.
 */

/** a·b + c with one rounding: the product's and the sum's errors are computed exactly (Dekker 1971), and added last. */
const EMULATED_FMA = `
fn emulated_fma(a: f32, b: f32, c: f32) -> f32 {
  let a4097 = optimization_barrier(4097.0 * a);
  let b4097 = optimization_barrier(4097.0 * b);
  let a_high = optimization_barrier(a4097 - optimization_barrier(a4097 - a));
  let b_high = optimization_barrier(b4097 - optimization_barrier(b4097 - b));
  let a_low = optimization_barrier(a - a_high);
  let b_low = optimization_barrier(b - b_high);
  let p = optimization_barrier(a * b);
  let e1 = optimization_barrier(optimization_barrier(a_high * b_high) - p);
  let e2 = optimization_barrier(e1 + optimization_barrier(a_high * b_low));
  let e3 = optimization_barrier(e2 + optimization_barrier(a_low * b_high));
  let error = optimization_barrier(e3 + optimization_barrier(a_low * b_low));
  let sum = optimization_barrier(p + c);
  let c_part = optimization_barrier(sum - p);
  let p_part = optimization_barrier(sum - c_part);
  let rest = optimization_barrier(optimization_barrier(p - p_part) + optimization_barrier(c - c_part));
  return sum + optimization_barrier(rest + error);
}
`;

/** What the rewriting did. */
const done = { steps: 0, contracted: 0 };

/**
 * Inlines the ops of merged stages, and contracts each sum that has a product for an operand, unless a barrier is in
 * between, which no compiler looks through.
 */
function contracting(code: string): string {
  const bodies = new Map<string, string>();
  for (const [, name, body] of code.matchAll(/^fn (\w+_op\d+)\(.*\) -> f32 \{ return (.*); \}$/gm)) {
    bodies.set(name!, body!);
  }
  if (bodies.size === 0) return code;
  /** What is known of a value: its factors, if it is a product. */
  const factors = new Map<string, readonly [string, string]>();
  const rewritten = code.replace(
    /^ {2}let (v\d+) = (optimization_barrier\()?(\w+_op\d+)\((\w+(?:\.\d+)?), (\w+(?:\.\d+)?), .*$/gm,
    (line, value: string, barrier: string | undefined, op: string, a: string, b: string) => {
      done.steps++;
      const body = bodies.get(op);
      const of = (operand: string) => factors.get(operand);
      const sum = body === 'a + b' || body === 'a - b';
      const [left, right] = sum ? [of(a), of(b)] : [];
      const end = barrier ? ');' : ';';
      if (body === 'a * b' && !barrier) factors.set(value, [a, b]);
      if (left || right) done.contracted++;
      if (left) {
        const addend = body === 'a - b' ? `-${b}` : b;
        return `  let ${value} = ${barrier ?? ''}emulated_fma(${left[0]}, ${left[1]}, ${addend})${end}`;
      }
      if (right) {
        const sign = body === 'a - b' ? '-' : '';
        return `  let ${value} = ${barrier ?? ''}emulated_fma(${sign}${right[0]}, ${right[1]}, ${a})${end}`;
      }
      return line;
    },
  );
  return `${rewritten}\n${EMULATED_FMA}`;
}

/** Leaves the barriers between merged ops out. */
const withoutBarriers = (code: string) =>
  code.replace(/^( {2}let (?:v\d+|own) = )optimization_barrier\((.*)\);$/gm, '$1$2;');

const plain = await openDevice(adapter);
const contracts = await rewriting(adapter, contracting);
const careless = await rewriting(adapter, (code) => contracting(withoutBarriers(code)));

type Fn = (inputs: (...shape: number[]) => tg.Tensor) => tg.Tensor;

const cases: [name: string, fn: Fn][] = [
  ['a chain a·b + c', (x) => x(7, 12).mul(x(7, 12)).add(x(7, 12))],
  ['a chain c − a·b, by vectors and not', (x) => x(5, 5).sub(x(5, 5).mul(x(5)))],
  [
    'a chain a·b + c·d',
    (x) =>
      x(64)
        .mul(x(64))
        .add(x(64).mul(x(64))),
  ],
  ['what a sum reads', (x) => tg.sum(x(9, 40).mul(x(9, 40)).add(x(40)), [1])],
  ['what a column sum reads', (x) => tg.sum(x(40, 8).mul(x(40, 8)).sub(x(40, 8)), [0])],
  ['the end of a product', (x) => x(40, 24).matmul(x(24, 36)).mul(x(40, 36)).add(x(36))],
  ['the end of a small product, one by one', (x) => x(5, 6).matmul(x(6, 7)).mul(x(7)).sub(x(5, 7))],
  [
    'the end of a convolution',
    (x) =>
      tg
        .conv2d(x(6, 4, 8, 8), x(16, 4, 4, 4), { stride: 2, padding: 1 })
        .mul(x(6, 16, 4, 4))
        .add(x(16, 1, 1)),
  ],
];

/** The result of `fn` on a device, captured or op by op. */
async function bits(device: tg.WebGPUDevice, fn: Fn, captured: boolean): Promise<Uint32Array> {
  // Inputs are made before, since a captured function would hold them as constants.
  const shapes: number[][] = [];
  const wanted = (...shape: number[]) => {
    shapes.push(shape);
    return tg.zeros(shape, { device });
  };
  tg.scope(() => void fn(wanted));
  const inputs = shapes.map((shape, k) =>
    tg.keep(on(device, shape, numbers(tg.sizeOf(shape), -1, 1, k + 1))),
  );
  let next = 0;
  const run = () => fn(() => inputs[next++]!);
  const step = tg.capture(run, { device });
  const result = captured ? step() : tg.scope(run);
  const values = (await result.data()) as Float32Array;
  if (captured) assert.ok(step.programs[0]!.fused > 0, 'nothing was merged');
  return new Uint32Array(values.buffer);
}

const count = (a: Uint32Array, b: Uint32Array) => a.filter((word, i) => word !== b[i]).length;

for (const [name, fn] of cases) {
  test(`${name}: contraction stops at the barrier, and would not without: ${adapter}`, async () => {
    const eager = await bits(plain, fn, false);
    assert.is(count(await bits(plain, fn, true), eager), 0, 'captured');

    Object.assign(done, { steps: 0, contracted: 0 });
    assert.is(count(await bits(contracts, fn, true), eager), 0, 'captured, by a compiler that contracts');
    assert.ok(done.steps >= 2, `${done.steps} merged ops were seen`);
    assert.is(done.contracted, 0);

    const differs = count(await bits(careless, fn, true), eager);
    assert.ok(done.contracted > 0, 'the rewriting contracts nothing');
    assert.ok(differs > 0, 'the rewriting changes nothing');
  });
}

test.after(() => {
  for (const device of [plain, contracts, careless]) device.destroy();
});
test.run();
