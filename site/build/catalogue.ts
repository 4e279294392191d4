import type { Plugin } from 'vite';
import { catalogue } from '../src/train/catalogue.ts';

/** Puts data in the place of the module that asks the models for it, so that pages need not load them. */
export function catalogueAsData(): Plugin {
  return {
    name: 'catalogue-as-data',
    enforce: 'pre',
    load: (id) =>
      id.split('?')[0]!.endsWith('/site/src/train/catalogue.ts')
        ? `export const catalogue = ${JSON.stringify(catalogue)};`
        : undefined,
  };
}
