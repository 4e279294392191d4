#!/usr/bin/env node
if (Number(process.versions.node.split('.')[0]) < 20) {
  console.error(`tapegrad: needs Node 20 or later, and this is ${process.versions.node}`);
  process.exit(1);
}
// `#command` is the built command in a published package, and its sources in the checkout (see package.json). No `await` at
// the top: a Node before 14.8 would not come to the line above.
import('#command').then(({ main }) => main(process.argv.slice(2)));
