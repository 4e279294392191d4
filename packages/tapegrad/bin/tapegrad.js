#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`tapegrad: needs Node 20 or later, and this is ${process.versions.node}`);
  process.exit(1);
}
// `#command` is the built command in a published package, and its sources in the checkout (see package.json).
const { main } = await import('#command');
await main(process.argv.slice(2));
