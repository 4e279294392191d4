import { existsSync } from 'node:fs';

/** Whether Dawn's warnings are held back here: that takes the optional package that reaches the C library. */
export const isQuiet =
  process.platform === 'linux' && existsSync(new URL('../../node_modules/ffi-rs', import.meta.url));
