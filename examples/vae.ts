import { mkdirSync, writeFileSync } from 'node:fs';
import { encodePng } from '@tapegrad/plot/node';
import { setDefaultDevice, vae } from 'tapegrad';
import { drawPicture, loadDataset, openDevice } from 'tapegrad/node';

/* The VAE of Kingma and Welling, trained without the command: some of MNIST, two epochs, in nats. */

const device = await openDevice();
setDefaultDevice(device);
const { shape, train, test } = await loadDataset('mnist');
const some = (split: typeof train, count: number) => ({
  images: split.images.subarray(0, 784 * count),
  labels: split.labels!.subarray(0, count),
  count,
});
const data = { shape, train: some(train, 20_000), test: some(test, 1000) };

const spec = vae.models.get('vae-mlp')!;
const options = vae.settingsOf(spec, { latent: 10, hidden: 200, lr: 2e-3 });
const trainer = new vae.Trainer(spec, data, { ...options, seed: 0, device });
const show = async (when: string) => {
  const { loss, reconstruction, kl } = await trainer.evaluate();
  console.log(`${when}: ${loss!.toFixed(1)} nats (${reconstruction!.toFixed(1)} + ${kl!.toFixed(1)})`);
};
await show('before'); // before: 552 nats, within 3
for (let epoch = 0; epoch < 2; epoch++) {
  await trainer.trainEpoch(({ step, metrics }) => {
    if (step % 100 === 0) console.log(`step ${step}: ${metrics.loss!.toFixed(1)}`);
  });
}
await show('after'); // after: 135 nats, within 3

// Pictures as the command draws them.
const { samples } = await vae.allPictures(new vae.Subject(trainer.model, data), { only: ['samples'] });
if (samples.kind === 'absent') throw new Error(samples.reason);
mkdirSync('runs', { recursive: true });
writeFileSync('runs/samples.png', encodePng(await drawPicture(samples)));
device.destroy();
