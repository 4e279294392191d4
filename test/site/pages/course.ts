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

  test('course: programs run in the page, with what the page says that they print', async () => {
    const { page, faults } = await site.visit('course/1-numbers-that-change.html');
    await assertUsable(page);
    const names = await page.$$eval('.program', (list) => list.map(({ id }) => id));
    assert.ok(names.length >= 5);
    for (const name of names) {
      const program = `[id="${name}"]`;
      await page.$eval(program, (element) => element.closest('details')?.setAttribute('open', ''));
      await page.click(`${program} button`);
      await page.waitForSelector(`${program}[data-done]`, { timeout: 60_000 });
      const [printed, wanted] = await page.$eval(program, (element) => [
        element.querySelector('output')!.value.trim(),
        element.nextElementSibling?.matches('.printed')
          ? (element.nextElementSibling as HTMLElement).innerText.trim()
          : '',
      ]);
      if (wanted) assert.is(printed, wanted, name);
    }
    assert.equal(faults, []);
    await page.close();
  });

  test('course: a kernel of one’s own runs on the reader’s adapter; on a phone, in the dark', async () => {
    const { page, faults } = await site.visit('course/4-tensors-on-a-gpu.html', {
      width: 360,
      scheme: 'dark',
    });
    await assertUsable(page);
    const programs = await page.$$('.program');
    assert.ok(programs.length >= 3);
    for (const program of programs.slice(0, 3)) {
      await program.$eval('button', (button) => button.click());
      await page.waitForFunction(
        (element) => (element as HTMLElement).dataset.done,
        { timeout: 60_000 },
        program,
      );
      assert.not.match(await program.$eval('output', (output) => output.value), /Error/);
    }
    assert.equal(faults, []);
    await page.close();
  });
}
