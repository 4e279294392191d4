import {
  apply,
  defineLowering,
  defineRule,
  elementwiseLowering,
  Generator,
  gradcheck,
  greater,
  mean,
  mul,
  nn,
  type Op,
  referenceDevice,
  scope,
  setDefaultDevice,
  sigmoid,
  softplus,
  square,
  sub,
  type Tensor,
  type TensorView,
  tanh,
} from 'tapegrad';
import { openDevice } from 'tapegrad/node';

/* An op and a module of one's own: mish(x) = x · tanh(softplus(x)) (Misra 2019) in one kernel, and a layer that uses it. */

// What it computes: its shape, and plain loops in float64.
const mishOp: Op<readonly number[], readonly [x: TensorView]> = {
  name: 'mish',
  infer: ([x]) => ({ shape: x.shape, dtype: x.dtype }),
  reference([x], _, output) {
    x.data.forEach((v, i) => {
      output.data[i] = v * Math.tanh(Math.log1p(Math.exp(v)));
    });
  },
};

// How a GPU computes it: an elementwise op is an expression of `a`. (Others bring WGSL of their own: see `shader`.)
const expression = 'a * safe_tanh(softplus(a))';
defineLowering(mishOp, elementwiseLowering({ name: 'mish', expression }));

// Its derivative, of recorded ops, so that it can be differentiated again.
defineRule(mishOp, ({ gradient, inputs: [x] }) => [
  () => {
    const t = tanh(softplus(x));
    const slope = t.add(mul(mul(x, sigmoid(x)), sub(1, square(t))));
    return mul(gradient, slope);
  },
]);

const mish = (x: Tensor): Tensor => apply(mishOp, [x], []);

/** [N, inputs] → [N, outputs], with a layer between. */
class Perceptron extends nn.Module {
  readonly hidden: nn.Linear;
  readonly out: nn.Linear;

  constructor(inputs: number, width: number, outputs: number, generator: Generator) {
    super();
    this.hidden = new nn.Linear(inputs, width, { generator });
    this.out = new nn.Linear(width, outputs, { generator });
  }

  forward(x: Tensor): Tensor {
    return this.out.forward(mish(this.hidden.forward(x)));
  }
}

// The rule against differences of the definition, to second order.
const check = new Generator(1, { device: referenceDevice });
await gradcheck((x) => mish(x).sum(), [check.normal([2, 3])], { order: 2 });
console.log('mish: its derivatives are right'); // mish: its derivatives are right

// Exclusive or, of two numbers' signs: no line separates it.
const device = await openDevice();
setDefaultDevice(device);
const random = new Generator(0);
const points = random.normal([512, 2]);
const classes = greater(mul(points.slice(null, [0, 1]), points.slice(null, [1, 2])), 0);
const model = new Perceptron(2, 16, 1, random);
const optimizer = new nn.Adam(model.parameters(), { lr: 0.03 });
for (let step = 0; step < 200; step++) {
  scope(() => {
    optimizer.zeroGrad();
    nn.bceWithLogitsLoss(model.forward(points), classes).backward();
    optimizer.step();
  });
}
const hits = scope(() => mean(greater(mul(model.forward(points), sub(classes, 0.5)), 0)));
console.log(`accuracy ${(await hits.item()).toFixed(3)}`); // accuracy 0.99, within 0.01
device.destroy();
