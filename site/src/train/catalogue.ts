import type { Option } from '@tapegrad/vae';

/** The models and their options, as data. */
export interface Catalogue {
  readonly models: readonly {
    readonly name: string;
    readonly summary: string;
    readonly defaults: Readonly<Record<string, number | string>>;
  }[];
  readonly options: Readonly<Record<string, Option>>;
}
