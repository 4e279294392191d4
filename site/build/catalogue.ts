import { modelOptions, models, trainingOptions } from '@tapegrad/vae';
import type { Plugin } from 'vite';
import type { Catalogue } from '../src/train/catalogue.ts';

const ID = 'virtual:catalogue';

/** What the pages have to know of the models: so they need not load them, which only the worker does. */
export function catalogueOf(): Catalogue {
  return {
    models: [...models.values()].map(({ name, summary, defaults }) => ({
      name,
      summary,
      defaults: defaults as Record<string, number | string>,
    })),
    options: { ...modelOptions, ...trainingOptions },
  };
}

/** The catalogue as a module, `virtual:catalogue`. */
export function catalogue(): Plugin {
  return {
    name: 'catalogue',
    resolveId: (id) => (id === ID ? `\0${ID}` : undefined),
    load: (id) => (id === `\0${ID}` ? `export default ${JSON.stringify(catalogueOf())}` : undefined),
  };
}
