import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { timed } from '../timing.ts';
import { permuted, turned } from './layout.ts';
import {
  type Array32,
  CHECKED_STEPS,
  type Entry,
  isTraining,
  meanSquare,
  PADDING,
  type Peer,
  STRIDE,
  type Task,
  type TrainingTask,
} from './task.ts';

type Jax = typeof import('@jax-js/jax');
type Arr = import('@jax-js/jax').Array;
type Wait = <T>(promise: Promise<T>) => Promise<T>;
type Parameters = Record<string, Arr>;

/**
 * jax-js on its WebGPU backend, every step in one `jit`. Using an array uses it up, as in Rust: `x.ref` keeps one for
 * later.
 */
export async function jax(wait: Wait): Promise<Peer> {
  const jax = await import('@jax-js/jax');
  if (!(await jax.init('webgpu')).includes('webgpu')) throw new Error('its WebGPU backend does not start');
  jax.defaultDevice('webgpu');
  return {
    name: 'jax-js (WebGPU)',
    version: installedVersion(),
    async enter(task) {
      return isTraining(task) ? training(jax, task, wait) : contraction(jax, task, wait);
    },
    close() {},
  };
}

/** Its package does not export package.json, so it is read as a file. */
function installedVersion(): string {
  const bundle = createRequire(import.meta.url).resolve('@jax-js/jax');
  const { version } = JSON.parse(readFileSync(join(dirname(dirname(bundle)), 'package.json'), 'utf8'));
  return version;
}

const STRIDES = [STRIDE, STRIDE];
const PADDINGS: [number, number][] = [
  [PADDING, PADDING],
  [PADDING, PADDING],
];

/** Of a transposed convolution as a convolution: kernel − 1 − padding. */
const WIDENED: [number, number][] = [
  [3 - PADDING, 3 - PADDING],
  [3 - PADDING, 3 - PADDING],
];

const put = ({ numpy }: Jax, { data, shape }: Array32): Arr =>
  numpy.array(data as Float32Array<ArrayBuffer>).reshape([...shape]);

function contraction(jax: Jax, task: Exclude<Task, TrainingTask>, wait: Wait): Entry {
  const conv = (x: Arr, w: Arr) => jax.lax.convGeneralDilated(x, w, STRIDES, PADDINGS);
  /** The gradient of a linear function. */
  const pulled = (f: (x: Arr) => Arr, x: Arr, dy: Arr) => {
    const [y, back] = jax.vjp(f, [x]);
    y.dispose();
    const [dx] = back(dy);
    back.dispose();
    return dx as Arr;
  };
  const f = {
    matmul: (a: Arr, b: Arr) => jax.numpy.matmul(a, b),
    conv2d: conv,
    'input gradient': (x: Arr, w: Arr, dy: Arr) => pulled((input) => conv(input, w.ref), x, dy),
    'weight gradient': (x: Arr, w: Arr, dy: Arr) => pulled((weight) => conv(x.ref, weight), w, dy),
  }[task.kind];
  const compute = jax.jit(f as (...inputs: Arr[]) => Arr);
  const inputs = operands(task).map((array) => put(jax, array));
  const once = () => compute(...inputs.map((input) => input.ref));
  return {
    async check() {
      return meanSquare(await wait(once().data()));
    },
    // What is disposed of before it has begun is never computed: all results are kept until they are there.
    run: (times) =>
      timed(async () => {
        const results = Array.from({ length: times }, once);
        for (const result of results) await wait(result.blockUntilReady());
        for (const result of results) result.dispose();
      }),
    dispose() {
      for (const input of inputs) input.dispose();
      compute.dispose();
    },
  };
}

function operands(task: Exclude<Task, TrainingTask>): Array32[] {
  if (task.kind === 'matmul') return [task.a, task.b];
  return task.kind === 'conv2d' ? [task.x, task.w] : [task.x, task.w, task.dy];
}

function training(jax: Jax, task: TrainingTask, wait: Wait): Entry {
  if (task.kind === 'vae-blog') throw new Error('vae-blog is compared with PyTorch only');
  const { numpy: np } = jax;
  const like = (value: Parameters) =>
    Object.fromEntries(Object.entries(value).map(([name, { shape }]) => [name, np.zeros(shape)]));
  let p = Object.fromEntries(
    [...task.weights].map(([name, array]) => [name, put(jax, converted(name, array))]),
  );
  let [m, v] = [like(p), like(p)];
  let t: Arr = np.array(0);
  let key = jax.random.key(0);
  const x = put(jax, task.batch);
  const step = trainingStep(jax, task);
  const once = (): Arr => {
    const [p1, m1, v1, t1, key1, loss] = step(p, m, v, t, key, x.ref);
    [p, m, v, t, key] = [p1, m1, v1, t1, key1];
    return loss;
  };
  return {
    async check() {
      for (let i = 1; i < CHECKED_STEPS; i++) once().dispose();
      return (await wait(once().data()))[0]!;
    },
    run: (times) =>
      timed(async () => {
        for (let i = 1; i < times; i++) once().dispose();
        const last = once();
        await wait(last.blockUntilReady());
        last.dispose();
      }),
    dispose() {
      for (const state of [p, m, v]) for (const array of Object.values(state)) array.dispose();
      for (const array of [t, x, key]) array.dispose();
    },
  };
}

/** Transposed convolutions are convolutions of the widened image with turned kernels, which these weights are. */
function converted(name: string, array: Array32): Array32 {
  const isTransposed = name === 'decoder.5.weight' || name === 'decoder.7.weight';
  return isTransposed ? turned(permuted(array, [1, 0, 2, 3])) : array;
}

type State = [Parameters, Parameters, Parameters, Arr, Arr];

/** (parameters, moments m and v, step count, key, batch) → the same, moved on by one step of Adam, and the loss. */
function trainingStep(jax: Jax, task: TrainingTask): (...args: [...State, Arr]) => [...State, Arr] {
  const { numpy: np, random, tree } = jax;
  const lossOf = task.kind === 'ae' ? aeLoss(jax) : vaeMlpLoss(jax);
  const [beta1, beta2] = task.betas;
  const step = (p: Parameters, m: Parameters, v: Parameters, t: Arr, key: Arr, x: Arr) => {
    const keys = random.split(key);
    const [own, next] = [keys.ref.slice(0), keys.slice(1)];
    const [loss, gradients] = jax.valueAndGrad(lossOf)(tree.ref(p), x, own) as [Arr, Parameters];
    const now = t.add(1);
    const rest = (beta: number) => np.subtract(1, np.exp(now.ref.mul(Math.log(beta))));
    const [rest1, rest2] = [rest(beta1), rest(beta2)];
    const updated: [Parameters, Parameters, Parameters] = [{}, {}, {}];
    for (const name of Object.keys(p)) {
      const g = gradients[name]!;
      const first = m[name]!.mul(beta1).add(g.ref.mul(1 - beta1));
      const second = v[name]!.mul(beta2).add(np.square(g).mul(1 - beta2));
      const scale = np.sqrt(second.ref.div(rest2.ref)).add(1e-8);
      const update = first.ref.div(rest1.ref).mul(task.lr).div(scale);
      updated[0][name] = p[name]!.sub(update);
      updated[1][name] = first;
      updated[2][name] = second;
    }
    for (const one of [rest1, rest2]) one.dispose();
    return [...updated, now, next, loss] as [...State, Arr];
  };
  return jax.jit(step as never) as never;
}

/** A layer of PyTorch's: x·wᵀ + b. */
const linear = ({ lax }: Jax, p: Parameters, name: string, x: Arr): Arr =>
  lax
    .dot(x, p[`${name}.weight`]!, { lhsContractingDims: [1], rhsContractingDims: [1] })
    .add(p[`${name}.bias`]!);

function aeLoss(jax: Jax) {
  const { lax, nn, numpy: np } = jax;
  return (p: Parameters, x: Arr, key: Arr): Arr => {
    key.dispose();
    const count = x.shape[0]!;
    const conv = (input: Arr, name: string) =>
      nn.relu(lax.convGeneralDilated(input, p[`${name}.weight`]!, STRIDES, PADDINGS));
    const transposed = (input: Arr, name: string) =>
      lax.convGeneralDilated(input, p[`${name}.weight`]!, [1, 1], WIDENED, { lhsDilation: STRIDES });
    const dense = (input: Arr, name: string) => linear(jax, p, name, input);
    const planes = conv(conv(x.ref, 'encoder.0'), 'encoder.2').reshape([count, 1568]);
    const z = dense(nn.relu(dense(planes, 'encoder.5')), 'encoder.7');
    const features = nn.relu(dense(nn.relu(dense(z, 'decoder.0')), 'decoder.2'));
    const half = nn.relu(transposed(features.reshape([count, 32, 7, 7]), 'decoder.5'));
    return np.mean(np.square(transposed(half, 'decoder.7').sub(x)));
  };
}

function vaeMlpLoss(jax: Jax) {
  const { nn, numpy: np, random } = jax;
  return (p: Parameters, images: Arr, key: Arr): Arr => {
    const count = images.shape[0]!;
    const x = images.reshape([count, 784]);
    const dense = (input: Arr, name: string) => linear(jax, p, name, input);
    const hidden = nn.relu(dense(x.ref, 'fc1'));
    const mu = dense(hidden.ref, 'fc21');
    const logVariance = dense(hidden, 'fc22');
    const noise = random.normal(key, mu.shape);
    const z = mu.ref.add(np.exp(logVariance.ref.mul(0.5)).mul(noise));
    const logits = dense(nn.relu(dense(z, 'fc3')), 'fc4');
    const crossEntropy = np.sum(nn.softplus(logits.ref).sub(logits.mul(x)));
    const kl = np.sum(np.exp(logVariance.ref).add(np.square(mu)).sub(logVariance.add(1)));
    return crossEntropy.add(kl.mul(0.5)).div(count);
  };
}
