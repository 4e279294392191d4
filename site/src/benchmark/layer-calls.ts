import type { LayerCall } from '@tapegrad/bench/browser';

/**
 * The contractions of all models' training steps. Finding them takes Dawn's null backend, which a browser has not: the built
 * site has them as data (`build/as-data.ts`).
 */
export const layerCalls: readonly LayerCall[] = [];
