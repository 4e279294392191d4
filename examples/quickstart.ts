import { requiresGrad } from '@tapegrad/autograd';
import { openDevice } from '@tapegrad/node';
import { setDefaultDevice, tensor } from '@tapegrad/tensor';

setDefaultDevice(await openDevice());
// biome-ignore format: reads like a matrix
const x = requiresGrad(tensor([[1, 2], [3, 4]]));
const loss = x.matmul(x).add(x).sum(); // Σ (x·x + x)
loss.backward();
console.log(await loss.item()); // 64
console.log(await x.grad!.array()); // [ [ 8, 12 ], [ 10, 14 ] ]
