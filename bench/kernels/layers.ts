import {
  type Attributes,
  type Op,
  observe,
  type Shape,
  show,
  type Tensor,
  type WebGPUDevice,
} from '@tapegrad/tensor';
import type { ModelSpec } from '@tapegrad/vae';
import { trainingStep } from '../training.ts';
import { type ContractionCall, contractionCase, type KernelCase } from './case.ts';
import { describeConvolution } from './contractions.ts';

/**
 * The contractions in a training step of every model, forward and backward, each once. A model runs on a device that
 * computes nothing: what it calls is seen, and the backward contractions follow from the rules.
 */
export async function layerCases(
  models: Iterable<ModelSpec>,
  openNothing: () => Promise<WebGPUDevice>,
): Promise<KernelCase[]> {
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
  return [...found.values()].map(({ call, label, models }) => contractionCase(call, label, [...models]));
}

/** Every contraction of a training step, as often as it occurs. */
export function contractionsOf(spec: ModelSpec, nothing: WebGPUDevice): ContractionCall[] {
  const step = trainingStep(spec, nothing, false);
  const calls: ContractionCall[] = [];
  const tracked = new WeakSet<Tensor>(step.model.parameters());
  observe(({ op, inputs, attributes, output }) => {
    const needed = inputs.map((input) => tracked.has(input));
    if (needed.some(Boolean)) tracked.add(output);
    const call = asContraction(op, inputs, attributes);
    if (!call) return;
    calls.push(call);
    backward(call, output.shape).forEach((gradient, k) => {
      if (needed[k]) calls.push(gradient);
    });
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

/** The contractions that make the gradients of the two operands: see the rules page of `@tapegrad/autograd`. */
function backward(call: ContractionCall, output: Shape): [ContractionCall, ContractionCall] {
  const [a, b] = call.shapes;
  const size = (shape: Shape) => [shape[2]!, shape[3]!] as const;
  const forward = (
    x: Shape,
    w: Shape,
    { stride, padding, dilation }: Attributes<'conv2d'>,
  ): ContractionCall => ({
    op: 'conv2d',
    shapes: [x, w],
    attributes: { stride, padding, dilation },
  });
  switch (call.op) {
    case 'matmul': {
      const { transposeA, transposeB } = call.attributes;
      return [
        transposeA
          ? { op: 'matmul', shapes: [b, output], attributes: { transposeA: transposeB, transposeB: true } }
          : { op: 'matmul', shapes: [output, b], attributes: { transposeA: false, transposeB: !transposeB } },
        transposeB
          ? { op: 'matmul', shapes: [output, a], attributes: { transposeA: true, transposeB: transposeA } }
          : { op: 'matmul', shapes: [a, output], attributes: { transposeA: !transposeA, transposeB: false } },
      ];
    }
    case 'conv2d':
      return [
        { op: 'conv2dInputGradient', shapes: [output, b], attributes: { ...call.attributes, size: size(a) } },
        {
          op: 'conv2dWeightGradient',
          shapes: [a, output],
          attributes: { ...call.attributes, size: size(b) },
        },
      ];
    case 'conv2dInputGradient':
      return [
        forward(output, b, call.attributes),
        {
          op: 'conv2dWeightGradient',
          shapes: [output, a],
          attributes: { ...call.attributes, size: size(b) },
        },
      ];
    case 'conv2dWeightGradient':
      return [
        { op: 'conv2dInputGradient', shapes: [b, output], attributes: { ...call.attributes, size: size(a) } },
        forward(a, output, call.attributes),
      ];
  }
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
