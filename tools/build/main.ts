import { compile } from './compile.ts';

/* `npm run build`: every package into its `dist`. */

const started = performance.now();
const built = await compile();
process.stdout.write(
  `built ${built.length} packages in ${((performance.now() - started) / 1000).toFixed(1)} s\n`,
);
