import { Generator, openBrowserDevice, sizeOf } from '@tapegrad/tensor';
import { LiveModel, models, settingsOf } from '@tapegrad/vae';
import { inflated } from '../inflate.ts';
import { unpackedHalves } from './halves.ts';
import type { LivingData } from './types.ts';

/** The model of a report, on the browser's GPU. @throws if there is no WebGPU, or the weights are incomplete */
export async function openModel(data: LivingData): Promise<LiveModel> {
  const spec = models.get(data.model);
  if (!spec) throw new Error(`no model is named '${data.model}'`);
  const device = await openBrowserDevice();
  const model = spec.build(data.imageShape, settingsOf(spec, data.options), new Generator(0, { device }));
  const values = unpackedHalves(await inflated(data.weights));
  let at = 0;
  const tensors = new Map(
    data.tensors.map(([name, shape]) => {
      const size = sizeOf(shape);
      const entry = { dtype: 'float32' as const, shape, data: values.subarray(at, at + size) };
      at += size;
      return [name, entry] as const;
    }),
  );
  model.loadStateDict(tensors);
  return new LiveModel(model);
}
