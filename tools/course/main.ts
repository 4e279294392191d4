import { writeFileSync } from 'node:fs';
import { type Block, pageNames, readPage, withContents, wordOf } from './page.ts';
import { moved, quote } from './quote.ts';
import { runPage, sameOutput, workplace, writePrograms } from './run.ts';

/*
 * `npm run course`: fills what the pages of docs/course quote from the source, following what has moved within its package.
 * `npm run course -- run [PAGE]`: also runs their programs, and writes what these print. Read the difference before you commit it.
 */

const [command, only = ''] = process.argv.slice(2);
const names = pageNames().filter((name) => name.startsWith(only));
if ((command !== undefined && command !== 'run') || names.length === 0) {
  process.stderr.write(
    'course: npm run course, or npm run course -- run [PAGE], with the first letters of a page\n',
  );
  process.exit(2);
}
for (const name of names) {
  let page = readPage(name);
  for (const block of page.blocks) {
    const reference = wordOf(block, 'source');
    if (!reference) continue;
    const [place, ...others] = moved(reference);
    if (place && others.length === 0 && place !== reference) {
      writeFileSync(page.path, page.text.replaceAll(`source=${reference}`, `source=${place}`));
      page = readPage(name);
    }
  }
  const contents = new Map<Block, string>();
  for (const block of page.blocks) {
    const reference = wordOf(block, 'source');
    if (reference) contents.set(block, quote(reference));
  }
  if (command === 'run') {
    const place = workplace();
    try {
      for (const one of pageNames()) writePrograms(readPage(one), place.path);
      for (const printed of await runPage(page, place.path)) {
        const { shown, output } = printed;
        if (shown && !sameOutput(printed)) contents.set(shown, output);
      }
    } finally {
      place.remove();
    }
  }
  writeFileSync(page.path, withContents(page, contents));
  process.stdout.write(`${name}: ${contents.size} blocks\n`);
}
process.exit(0);
