#!/usr/bin/env node
// `#command` is the built command in a published package, and its sources in the checkout (see package.json).
const { main } = await import('#command');
await main(process.argv.slice(2));
