/* Runs without an adapter, for long. */
import { test } from 'uvu';
import { openSite } from '../helpers/site.ts';
import { autogradSuite } from './pages/autograd.ts';
import { benchmarkSuite } from './pages/benchmark.ts';
import { courseSuite } from './pages/course.ts';
import { exploreSuite } from './pages/explore.ts';
import { homeSuite } from './pages/home.ts';
import { trainSuite } from './pages/train.ts';

/* Every page of the site in a real browser, as a visitor has it: built, below some folder of a host, with and without a GPU. */

const suites = {
  home: homeSuite,
  train: trainSuite,
  explore: exploreSuite,
  autograd: autogradSuite,
  benchmark: benchmarkSuite,
  course: courseSuite,
};

const site = await openSite();
if (site) {
  // PAGES=train,explore runs some of them, for whoever works on those.
  const wanted = process.env.PAGES?.split(',') ?? Object.keys(suites);
  for (const [name, suite] of Object.entries(suites)) if (wanted.includes(name)) suite(test, site);
  test.after(() => site.end());
} else test.skip('no browser starts here', () => {});
test.run();
