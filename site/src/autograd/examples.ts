/** Programs to begin with. */
export const examples: readonly { readonly name: string; readonly code: string }[] = [
  {
    name: 'x·x + x',
    code: `// A product, a sum, and the way back.
const x = requiresGrad(tensor([[1, 2], [3, 4]]));
const y = x.matmul(x).add(x);
const loss = y.sum();
loss.backward();
print('loss', loss);
print('gradient', x.grad);
`,
  },
  {
    name: 'broadcasting',
    code: `// A bias that repeats: its gradient is a sum over the repetitions.
const x = tensor([[1, 2, 3], [4, 5, 6]]);
const w = requiresGrad(tensor([[0.5, -1], [1, 0.5], [-0.5, 1]]));
const b = requiresGrad(tensor([0.1, -0.2]));
const y = x.matmul(w).add(b).relu();
const loss = y.square().mean();
loss.backward();
print('w.grad', w.grad);
print('b.grad', b.grad);
`,
  },
  {
    name: 'a neuron',
    code: `// tanh(w·x + b), and how far it is from a target.
const w = requiresGrad(tensor([[0.3, -0.7]]));
const b = requiresGrad(tensor([0.1]));
const x = tensor([[2], [1]]);
const target = 0.5;
const out = w.matmul(x).add(b).tanh();
const loss = out.sub(target).square().sum();
loss.backward();
print('out', out);
print(w.grad, b.grad);
`,
  },
  {
    name: 'softmax and cross-entropy',
    code: `// The gradient for the logits is what was said less what is true.
const logits = requiresGrad(tensor([[2, 1, 0.1], [0.5, 2.5, 0]]));
const truth = tensor([[1, 0, 0], [0, 0, 1]]);
const logP = logSoftmax(logits, 1);
const loss = truth.mul(logP).sum().neg();
loss.backward();
print('loss', loss);
print(logits.grad);
`,
  },
  {
    name: 'a convolution',
    code: `// Its two gradients are convolutions of the same family.
const image = requiresGrad(tensor(Float32Array.from({ length: 36 }, (_, i) => (i % 7) - 3), { shape: [1, 1, 6, 6] }));
const kernel = requiresGrad(tensor([[[[1, 0], [0, -1]]]]));
const edges = conv2d(image, kernel, { stride: 2 });
const loss = edges.relu().sum();
loss.backward();
print(kernel.grad);
`,
  },
  {
    name: 'a VAE’s KL',
    code: `// KL of N(μ, σ²) from N(0, 1): it pulls μ to 0 and log σ to 0.
const mu = requiresGrad(tensor([[0.5, -1.5]]));
const logSigma = requiresGrad(tensor([[-1, 0.3]]));
const variance = logSigma.mul(2).exp();
const kl = variance.add(mu.square()).sub(1).mul(0.5).sub(logSigma).sum();
kl.backward();
print('nats', kl);
print(mu.grad, logSigma.grad);
`,
  },
  {
    name: 'a second derivative',
    code: `// The rules run recorded ops, so a gradient can be differentiated again.
const x = requiresGrad(tensor([1, 2, 3]));
const y = x.mul(x).mul(x).sum();
y.backward({ createGraph: true });
const first = x.grad;
const curvature = first.sum();
clearGradient(x);
curvature.backward();
print('6x is', x.grad);
`,
  },
];
