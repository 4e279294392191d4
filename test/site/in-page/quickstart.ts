import { requiresGrad } from '@tapegrad/autograd';
import { type Device, tensor } from '@tapegrad/tensor';

/** The README's program: the sum of x·x + x, and its gradient. */
export async function gradientOfQuickstart(device: Device): Promise<{ value: number; gradient: unknown }> {
  const values = [
    [1, 2],
    [3, 4],
  ];
  const x = requiresGrad(tensor(values, { device }));
  const loss = x.matmul(x).add(x).sum();
  loss.backward();
  return { value: await loss.item(), gradient: await x.grad!.array() };
}
