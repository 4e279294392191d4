import { modelOptions, models, type Option, trainingOptions } from '@tapegrad/vae';

/** The models and their options, as data. */
export interface Catalogue {
  readonly models: readonly {
    readonly name: string;
    readonly summary: string;
    readonly defaults: Readonly<Record<string, number | string>>;
  }[];
  readonly options: Readonly<Record<string, Option>>;
}

/** In the built site this is the data alone (`build/catalogue.ts`): only the worker loads the models. */
export const catalogue: Catalogue = {
  models: [...models.values()].map(({ name, summary, defaults }) => ({
    name,
    summary,
    defaults: defaults as Record<string, number | string>,
  })),
  options: { ...modelOptions, ...trainingOptions },
};
