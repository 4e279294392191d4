import { Generator, nn, scope, setDefaultDevice } from 'tapegrad';
import { openDevice } from 'tapegrad/node';

setDefaultDevice(await openDevice());
const random = new Generator(0);
const x = random.normal([256, 1]);
const noise = random.normal([256, 1]).mul(0.1);
const y = x.mul(3).sub(2).add(noise);
const model = new nn.Linear(1, 1, { generator: random });
const optimizer = new nn.SGD(model.parameters(), { lr: 0.1 });
for (let step = 0; step < 100; step++) {
  optimizer.zeroGrad();
  scope(() => nn.mseLoss(model.forward(x), y).backward());
  optimizer.step();
}
console.log(await model.weight.item(), await model.bias!.item()); // 3 -2, within 0.02
