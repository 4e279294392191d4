import { saveStateDict } from '@tapegrad/nn';
import { type Device, threefry } from '@tapegrad/tensor';
import { type Images, models, Subject, settingsOf, Trainer } from '@tapegrad/vae';

/* Runs in Node and in a browser: what both have to agree on to the last bit. */

/** Options that keep SwiftShader's steps short. */
const small: Record<string, Record<string, number>> = {
  ae: { batchSize: 8 },
  'vae-mlp': { batchSize: 8, hidden: 64 },
  'vq-vae': { batchSize: 4, hidden: 16, codes: 16 },
};
const STEPS = 3;
const TEST = 4;

/** Something like digits: a bright bar on black, and a little noise. */
function imagesOf(count: number): Images {
  const images = new Uint8Array(count * 784);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < 784; k++) {
      const [word] = threefry(7, 1, k, i);
      const inside = Math.abs((k % 28) - 6 - (i % 16)) < 3;
      images[i * 784 + k] = (inside ? 200 : 0) + (word % 50);
    }
  }
  return { images, count };
}

export interface Trained {
  /** Of each step, its name and value in turn. */
  readonly losses: readonly (readonly [name: string, value: number])[][];
  /** `weights.safetensors`. */
  readonly weights: Uint8Array;
  readonly launches: number;
}

function dataOf(name: string) {
  const train = imagesOf(STEPS * small[name]!.batchSize!);
  return { shape: [1, 28, 28] as const, train, test: imagesOf(TEST) };
}

/** A few captured training steps of a model. */
export async function trained(name: string, device: Device): Promise<Trained> {
  const spec = models.get(name)!;
  const options = { ...settingsOf(spec, small[name]!), seed: 3, device };
  const trainer = new Trainer(spec, dataOf(name), options);
  const losses: [string, number][][] = [];
  await trainer.prepare();
  await trainer.trainEpoch(({ metrics }) => losses.push(Object.entries(metrics)));
  return {
    losses,
    weights: await saveStateDict(trainer.model, { format: 'pt', model: name }),
    launches: trainer.step,
  };
}

/** What a model makes of images with weights from elsewhere: pixels. */
export async function reconstructed(
  name: string,
  device: Device,
  load: (model: Trainer['model']) => void,
): Promise<Float32Array> {
  const spec = models.get(name)!;
  const data = dataOf(name);
  const { model } = new Trainer(spec, data, { ...settingsOf(spec, small[name]!), seed: 4, device });
  load(model);
  const labelled = (images: Images) => ({ ...images, labels: null });
  const subject = new Subject(
    model,
    { shape: data.shape, train: labelled(data.train), test: labelled(data.test) },
    { heldOut: [0, 1] },
  );
  return (await subject.reconstruct([0, 1, 2, 3])).decoded;
}
