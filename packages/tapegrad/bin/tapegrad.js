#!/usr/bin/env node
// Registers the TypeScript loader, then hands over to the command line.
import { register } from 'tsx/esm/api';

register();
const { main } = await import('../src/cli/main.ts');
await main(process.argv.slice(2));
