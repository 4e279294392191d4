import { type Op, observe, show, type Tensor, type WebGPUDevice } from '@tapegrad/tensor';
import type { ModelSpec } from '@tapegrad/vae';
import { trainingStep } from '../training.ts';
import { type ContractionCall, contractionCase, type KernelCase } from './case.ts';
import { describeConvolution } from './contractions.ts';

/** A contraction of some models' training steps, as data. */
export interface LayerCall {
  readonly call: ContractionCall;
  readonly label: string;
  readonly models: readonly string[];
}

export const layerCase = ({ call, label, models }: LayerCall): KernelCase =>
  contractionCase(call, label, models);

/**
 * The contractions in a training step of every model, forward and backward, each once. A model runs on a device that
 * computes nothing: what it calls is seen.
 */
export async function layerCalls(
  models: Iterable<ModelSpec>,
  openNothing: () => Promise<WebGPUDevice>,
): Promise<LayerCall[]> {
  const found = new Map<string, { call: ContractionCall; label: string; models: Set<string> }>();
  const nothing = await openNothing();
  for (const spec of models) {
    const calls = contractionsOf(spec, nothing);
    nothing.trim(); // the null backend's memory is small
    for (const call of calls) {
      const label = describe(call);
      const key = `${call.op} ${label}`;
      const seen = found.get(key) ?? { call, label, models: new Set() };
      seen.models.add(spec.name);
      found.set(key, seen);
    }
  }
  nothing.destroy();
  return [...found.values()].map(({ call, label, models }) => ({ call, label, models: [...models] }));
}

/** Every contraction of a training step, as often as it occurs: an observer hears those of the backward pass, too. */
export function contractionsOf(spec: ModelSpec, nothing: WebGPUDevice): ContractionCall[] {
  const step = trainingStep(spec, nothing, false);
  const calls: ContractionCall[] = [];
  observe(({ op, inputs, attributes }) => {
    const call = asContraction(op, inputs, attributes);
    if (call) calls.push(call);
  }, step.eager);
  return calls;
}

function asContraction(
  op: Op<unknown>,
  inputs: readonly Tensor[],
  attributes: unknown,
): ContractionCall | undefined {
  if (!['matmul', 'conv2d', 'conv2dInputGradient', 'conv2dWeightGradient'].includes(op.name))
    return undefined;
  return { op: op.name, shapes: inputs.map(({ shape }) => shape), attributes } as unknown as ContractionCall;
}

function describe({ op, shapes: [a, b], attributes }: ContractionCall): string {
  switch (op) {
    case 'matmul': {
      const { transposeA, transposeB } = attributes;
      return `${show(a)}${transposeA ? 'ᵀ' : ''} x ${show(b)}${transposeB ? 'ᵀ' : ''}`;
    }
    case 'conv2d':
      return describeConvolution(a, b, attributes);
    // The images and weights of the convolution that these are gradients of.
    case 'conv2dInputGradient':
      return describeConvolution([a[0]!, b[1]!, ...attributes.size], b, attributes);
    case 'conv2dWeightGradient':
      return describeConvolution(a, [b[1]!, a[1]!, ...attributes.size], attributes);
  }
}
