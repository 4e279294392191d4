import { openDevice } from '@tapegrad/node';
import { models } from '@tapegrad/vae';
import type { Plugin } from 'vite';
import { layerCalls } from '../../bench/kernels/layers.ts';
import { opSources } from '../src/autograd/sources.ts';
import { catalogue } from '../src/train/catalogue.ts';

type Exports = Readonly<Record<string, unknown>>;

/** Modules that become data: what is in them takes Node, or more of the packages than a page has use for. */
const modules: Readonly<Record<string, () => Exports | Promise<Exports>>> = {
  '/site/src/train/catalogue.ts': () => ({ catalogue }),
  '/site/src/autograd/sources.ts': () => ({ opSources }),
  '/site/src/benchmark/layer-calls.ts': async () => ({
    layerCalls: await layerCalls(models.values(), () => openDevice('auto', { nullBackend: true })),
  }),
};

export function asData(): Plugin {
  return {
    name: 'as-data',
    enforce: 'pre',
    async load(id) {
      const exports = Object.entries(modules).find(([path]) => id.split('?')[0]!.endsWith(path))?.[1];
      if (!exports) return undefined;
      return Object.entries(await exports())
        .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`)
        .join('\n');
    },
  };
}
