import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Generator, interchange, linspace, nn, noGrad, type Shape, setDefaultDevice, vae } from 'tapegrad';
import { openDevice } from 'tapegrad/node';

/*
 * Weights that PyTorch has saved, in the same model here. In PyTorch 1.13 (`test/interchange/golden/make_pt.py`):
 *
 *     torch.save(model.state_dict(), "vae-mlp.pt")
 *     model(torch.linspace(0, 1, 784).reshape(1, 784))  # mean: -0.35853, 0.64343, -0.09325
 */

const golden = new URL('../test/interchange/golden/vae-mlp.pt', import.meta.url);
const path = process.argv[2] ?? fileURLToPath(golden);
const weights = interchange.decodeTorchFile(await readFile(path));
for (const [name, { shape }] of weights) console.log(`${name} [${shape.join(', ')}]`);

const device = await openDevice();
setDefaultDevice(device);
// The model has these layers under these names; how wide they are is seen from the weights.
const shapes = new Map<string, Shape>([...weights].map(([name, { shape }]) => [name, shape]));
const options = interchange.inferOptions(vae.vaeMlp, [1, 28, 28], shapes, {});
const model = vae.vaeMlp.build([1, 28, 28], vae.settingsOf(vae.vaeMlp, options), new Generator(0));
nn.loadTensors(path, model.stateDict(), weights);

const x = linspace(0, 1, 784).reshape([1, 1, 28, 28]);
const { mean } = noGrad(() => (model as vae.MlpVAE).encode(x));
console.log(`mean ${[...(await mean.data())].map((v) => v.toFixed(5)).join(' ')}`); // mean -0.35853 0.64343 -0.09325, within 0.00002
device.destroy();
