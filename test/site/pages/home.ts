import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { assertUsable, type Site, waitForText } from '../../helpers/site.ts';

/* The front page, and what holds for all. */

/** Bytes, gzipped, that a first visit may take without data. */
const MOST = 400_000;

export function homeSuite(test: Test, site: Site): void {
  test('home: leads to every page, at every width', async () => {
    for (const [width, scheme] of [
      [360, 'dark'],
      [1200, 'light'],
    ] as const) {
      const { page, faults } = await site.visit('', { width, scheme });
      await waitForText(page, 'h1', /./);
      const links = await page.$$eval('main a', (list) => list.map((link) => link.getAttribute('href')!));
      for (const name of ['train', 'explore', 'autograd', 'benchmark'])
        assert.ok(links.includes(`./${name}/`), name);
      await page.waitForSelector('.hero canvas');
      await assertUsable(page);
      assert.equal(faults, []);
      await page.close();
    }
  });

  test('every page: the first load is short, and asks nobody else', async () => {
    for (const path of ['', 'train/', 'explore/', 'autograd/', 'benchmark/', 'course/']) {
      const { page, faults } = await site.visit(path);
      const seen = await page.evaluate(() =>
        performance
          .getEntriesByType('resource')
          .map(({ name }) => name)
          .concat(location.href),
      );
      // Workers load their code themselves; the code names them.
      const assets = join(site.folder, 'assets');
      const workers = readdirSync(assets).filter((file) => file.startsWith('worker'));
      const codeOf = (url: string) => {
        const file = url.slice(site.url.length).replace(/[?#].*/, '') || 'index.html';
        return readFileSync(join(site.folder, file.endsWith('/') ? `${file}index.html` : file));
      };
      const code = seen.filter((name) => !/\/(data|recorded)\//.test(name)).map(codeOf);
      const texts = code.map((bytes) => bytes.toString());
      const used = workers.filter((worker) => texts.some((text) => text.includes(worker)));
      const total = [...code, ...used.map((worker) => readFileSync(join(assets, worker)))]
        .map((bytes) => gzipSync(bytes).length)
        .reduce((sum, length) => sum + length, 0);
      assert.ok(total < MOST, `${path || 'home'} takes ${total} bytes`);
      assert.equal(faults, []);
      await page.close();
    }
  });
}
