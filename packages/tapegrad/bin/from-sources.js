// The command in the checkout: registers the TypeScript loader first.
import { register } from 'tsx/esm/api';

register();
export const { main } = await import('../src/cli/main.ts');
