/* Runs on the fastest adapter, for long. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { blocksOf, folder, pageNames, readPage, root, wordOf } from '../../tools/course/page.ts';
import { quote } from '../../tools/course/quote.ts';
import { checkPrograms, runPage, sameOutput, workplace, writePrograms } from '../../tools/course/run.ts';

/* What the course shows is what the reader gets. */

const pages = pageNames().map(readPage);
const place = workplace();
process.on('exit', place.remove);
for (const page of pages) writePrograms(page, place.path);

test('a page has a drawing, programs, and three exercises with solutions that run', () => {
  for (const { name, text } of pages) {
    assert.match(text, /!\[.{20,}\]\(images\/.+\.svg\)/, `${name}: no drawing`);
    const exercises = text.split('\n## Exercises\n')[1] ?? '';
    const solutions = exercises.match(/<details>[\s\S]*?<\/details>/g) ?? [];
    assert.is(solutions.length, 3, `${name}: exercises`);
    for (const solution of solutions) {
      const runs = blocksOf(solution, name).some(({ words }) => ['run', 'check'].includes(words[0]!));
      assert.ok(runs, `${name}: a solution without a program: ${solution.slice(0, 80)}`);
    }
  }
});

test('what is quoted is in the source', () => {
  for (const { name, blocks } of pages) {
    for (const block of blocks) {
      const reference = wordOf(block, 'source');
      if (reference) assert.is(block.content, quote(reference), `${name}: ${reference}: run npm run course`);
    }
  }
});

test('links lead somewhere', () => {
  for (const path of [...pages.map((page) => page.path), join(folder, 'README.md')]) {
    for (const [, link] of readFileSync(path, 'utf8').matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
      if (!link!.startsWith('http')) assert.ok(existsSync(join(dirname(path), link!)), `${path}: ${link}`);
    }
  }
});

test('what other programs import prints nothing, which they would print too', () => {
  const imported = new Set(
    pages.flatMap(({ text }) => [...text.matchAll(/from '\.\/(.+)'/g)].map(([, file]) => file)),
  );
  for (const { name, blocks } of pages) {
    for (const [i, { content }] of blocks.entries()) {
      const file = /^\/\/ (\S+\.ts)/.exec(content)?.[1];
      if (file && imported.has(file)) assert.is.not(blocks[i + 1]?.language, 'text', `${name}: ${file}`);
    }
  }
});

for (const page of pages) {
  test(`${page.name}: programs print what the page says`, async () => {
    for (const printed of await runPage(page, place.path)) {
      const { block, output, shown } = printed;
      const where = `${page.path.slice(root.length + 1)}:${block.start + 1}`;
      if (!sameOutput(printed)) assert.is(output, shown?.content ?? '', `${where} prints something else`);
    }
  });
}

test('programs have the types that they say', () => {
  const apart = workplace();
  try {
    for (const page of pages)
      writePrograms({ ...page, blocks: page.blocks.filter(isAlone(page.blocks)) }, apart.path);
    assert.is(checkPrograms(apart.path), '');
  } finally {
    apart.remove();
  }
});

/** Programs after an edit of the source are checked by running in its copy. */
function isAlone(blocks: readonly { words: readonly string[] }[]) {
  const edit = blocks.findIndex(({ words }) => words.some((word) => word.startsWith('edit=')));
  return (_: unknown, i: number) => edit < 0 || i < edit;
}

test.run();
