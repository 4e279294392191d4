import type { Plugin } from 'vite';
import { opSources } from '../src/autograd/sources.ts';
import { catalogue } from '../src/train/catalogue.ts';

/** Modules that become the data which they compute: pages need neither the models nor the sources to show them. */
const modules: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  '/site/src/train/catalogue.ts': { catalogue },
  '/site/src/autograd/sources.ts': { opSources },
};

export function asData(): Plugin {
  return {
    name: 'as-data',
    enforce: 'pre',
    load(id) {
      const exported = Object.entries(modules).find(([path]) => id.split('?')[0]!.endsWith(path))?.[1];
      return (
        exported &&
        Object.entries(exported)
          .map(([name, value]) => `export const ${name} = ${JSON.stringify(value)};`)
          .join('\n')
      );
    },
  };
}
