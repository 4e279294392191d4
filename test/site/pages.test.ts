/* Runs without an adapter. */
import { test } from 'uvu';
import { openSite } from '../helpers/site.ts';
import { exploreSuite } from './pages/explore.ts';
import { trainSuite } from './pages/train.ts';

/* Every page of the site in a real browser, as a visitor has it: built, below some folder of a host, with and without a GPU. */

const site = await openSite();
if (site) {
  trainSuite(test, site);
  exploreSuite(test, site);
  test.after(() => site.end());
} else test.skip('no browser starts here', () => {});
test.run();
