import type { InPlaceUpdate, TensorView } from '../contracts.ts';
import { show } from '../shape.ts';

type Four = readonly [number, number, number, number];
type Eight = readonly [...Four, ...Four];

type AdamTensors = readonly [
  parameters: TensorView,
  gradients: TensorView,
  m: TensorView,
  v: TensorView,
  clock: TensorView,
  settings: TensorView,
];
type SgdTensors = readonly [
  parameters: TensorView,
  gradients: TensorView,
  velocity: TensorView,
  settings: TensorView,
];

/**
 * One step of Adam or AdamW over flat buffers: (parameters, gradients, m, v, clock, settings), all float32.
 * `settings` is [lr, β₁, β₂, ε, weight decay, 1 − β₁, 1 − β₂, decoupled? 1 : 0]; `clock` is [steps, 1 − β₁ᵗ, 1 − β₂ᵗ],
 * which the update moves on first. The recursion qₜ = β·qₜ₋₁ + (1 − β) avoids the cancellation in 1 − βᵗ.
 * Kingma and Ba 2015, algorithm 1; Loshchilov and Hutter 2019 for the decoupled decay; PyTorch's order of operations.
 */
export const adam: InPlaceUpdate<null, AdamTensors> = {
  name: 'adam',
  writes: [0, 2, 3, 4],
  check(tensors) {
    checkFlat('adam', tensors.slice(0, 4));
  },
  reference([parameters, gradients, m, v, clock, settings]) {
    const [lr, beta1, beta2, epsilon, decay, gain1, gain2, decoupled] = settings.data as unknown as Eight;
    clock.data[0]! += 1;
    clock.data[1] = beta1 * clock.data[1]! + gain1;
    clock.data[2] = beta2 * clock.data[2]! + gain2;
    for (let i = 0; i < parameters.data.length; i++) {
      let p = parameters.data[i]!;
      let g = gradients.data[i]!;
      if (decoupled) p -= lr * decay * p;
      else g += decay * p;
      m.data[i] = beta1 * m.data[i]! + gain1 * g;
      v.data[i] = beta2 * v.data[i]! + gain2 * g * g;
      const denominator = Math.sqrt(v.data[i]!) / Math.sqrt(clock.data[2]!) + epsilon;
      parameters.data[i] = p - ((lr / clock.data[1]!) * m.data[i]!) / denominator;
    }
  },
};

/**
 * One step of gradient descent with momentum, as PyTorch has it: (parameters, gradients, velocity, settings), where
 * `settings` is [lr, momentum, weight decay, nesterov? 1 : 0].
 */
export const sgd: InPlaceUpdate<null, SgdTensors> = {
  name: 'sgd',
  writes: [0, 2],
  check(tensors) {
    checkFlat('sgd', tensors.slice(0, 3));
  },
  reference([parameters, gradients, velocity, settings]) {
    const [lr, momentum, decay, nesterov] = settings.data as unknown as Four;
    for (let i = 0; i < parameters.data.length; i++) {
      const g = gradients.data[i]! + decay * parameters.data[i]!;
      const velocityNow = momentum * velocity.data[i]! + g;
      velocity.data[i] = velocityNow;
      parameters.data[i]! -= lr * (nesterov ? g + momentum * velocityNow : velocityNow);
    }
  },
};

function checkFlat(op: string, tensors: readonly TensorView[]): void {
  if (tensors[0]!.size % 4 !== 0) {
    throw new Error(
      `${op}: flat buffers hold a multiple of 4 elements (flattenInto pads them), got ${tensors[0]!.size}`,
    );
  }
  if (tensors.some((t) => t.size !== tensors[0]!.size || t.dtype !== 'float32')) {
    throw new Error(
      `${op}: parameters, gradients and moments differ: ${tensors.map((t) => show(t.shape)).join(', ')}`,
    );
  }
}
