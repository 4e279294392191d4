/* Runs without an adapter, for long. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import { install, packAll } from '../helpers/packed.ts';
import { temporaryFolder } from '../helpers/temporary.ts';
import { testBundles } from './bundles.ts';
import { testEditor } from './editor.ts';
import { testManifests } from './manifests.ts';
import { testPrograms } from './programs.ts';
import { testRuntimes } from './runtimes.ts';
import { testTypes } from './types.ts';

/*
 * The packages as users have them: packed, installed from their tarballs, run under plain Node and other runtimes, bundled,
 * compiled against. Programs choose the fastest adapter that there is.
 */

const folder = temporaryFolder();
const packed = join(folder, 'packed');
mkdirSync(packed);
const tarballs = await packAll(packed);
const app = await install(join(folder, 'app'), tarballs, ['--prefer-offline']);

testManifests(tarballs, app);
testPrograms(tarballs, app);
testTypes(tarballs, app);
testEditor(app);
await testBundles(tarballs, app, folder);
await testRuntimes(app);

test.run();
