import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { inspected } from '../../../site/src/course/inspected.ts';
import { assertUsable, type Site } from '../../helpers/site.ts';

/* The course as a part of the site: every page, its links, and programs run where they are read. */

export function courseSuite(test: Test, site: Site): void {
  test('course: values as Node prints them', () => {
    assert.is(
      inspected([
        [8, 12],
        [10, 14],
      ]),
      '[ [ 8, 12 ], [ 10, 14 ] ]',
    );
    assert.is(inspected(Float32Array.of(1, 2.5)), 'Float32Array(2) [ 1, 2.5 ]');
    assert.is(inspected({ a: 'b', c: [] }), "{ a: 'b', c: [] }");
    const rows = [0, 4, 8].map((first) => [100, 201, 302, 403].map((value) => value + first));
    assert.is(
      inspected(rows),
      '[\n  [ 100, 201, 302, 403 ],\n  [ 104, 205, 306, 407 ],\n  [ 108, 209, 310, 411 ]\n]',
    );
  });

  test('course: all pages, and every link leads somewhere', () => {
    const folder = join(site.folder, 'course');
    const files = readdirSync(folder).filter((file) => file.endsWith('.html'));
    assert.ok(files.includes('index.html') && files.length > 6, files.join());
    for (const file of files) {
      const page = readFileSync(join(folder, file), 'utf8');
      assert.match(page, /<h1 id=/, file);
      assert.not.match(page, /<!--content/, file);
      for (const [, link] of page.matchAll(/(?:href|src)="([^"#]+)[^"]*"/g)) {
        // The reference has a suite of its own.
        if (link!.startsWith('https://github.com/') || link === '../api/') continue;
        const target = join(folder, link!.endsWith('/') ? `${link}index.html` : link!);
        readFileSync(target); // throws where there is none
      }
    }
  });

  test('course: every program runs in the page, with what the page says that it prints', async () => {
    const files = readdirSync(join(site.folder, 'course')).filter((file) => /^\d.*\.html$/.test(file));
    let compared = 0;
    for (const [i, file] of files.entries()) {
      // Every other page on a phone, in the dark.
      const { page, faults } = await site.visit(
        `course/${file}`,
        i % 2 ? { width: 360, scheme: 'dark' } : {},
      );
      await assertUsable(page);
      for (const program of await page.$$('.program:has(button)')) {
        const name = `${file}: ${await program.evaluate(({ id }) => id)}`;
        await program.evaluate((element) => element.closest('details')?.setAttribute('open', ''));
        await program.$eval('button', (button) => button.click());
        await page
          .waitForFunction(
            (element) => (element as HTMLElement).dataset.done,
            { timeout: 60_000, polling: 100 },
            program,
          )
          .catch(async () => {
            throw new Error(`${name} does not end: ${await program.evaluate((e) => e.textContent)}`);
          });
        const [printed, wanted] = await program.evaluate((element) => {
          const next = element.nextElementSibling;
          const isSaid = next?.matches('.printed:not(.varies)');
          return [
            element.querySelector('output')!.value.trim(),
            isSaid ? (next as HTMLElement).innerText.trim() : null,
          ];
        });
        assert.not.match(printed!, /Error/, name);
        if (wanted !== null) {
          assert.is(printed, wanted, name);
          compared++;
        }
      }
      assert.equal(faults, [], file);
      await page.close();
    }
    assert.ok(compared > 40, `${compared} programs`);
  });

  test('course: what needs files, or packages that the reader edited, has no button and says why', () => {
    const read = (file: string) => readFileSync(join(site.folder, 'course', file), 'utf8');
    assert.match(read('8-autoencoders.html'), /This one works with files: it runs in Node/);
    assert.match(read('3-rules.html'), /the packages as you edited them above/);
    assert.not.match(read('3-rules.html'), /program-cube/);
  });
}
