import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core';
import { publint } from 'publint';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { read, type Tarball } from '../helpers/packed.ts';

const targetsOf = (value: string | Record<string, string>): string[] =>
  typeof value === 'string' ? [value] : Object.values(value);

/** What a tarball says of itself, and whether it holds what it says. */
export function testManifests(tarballs: readonly Tarball[], app: string): void {
  const versions = new Map(tarballs.map(({ manifest }) => [manifest.name, manifest.version]));

  for (const { path, manifest, files } of tarballs) {
    const { name } = manifest;

    test(`${name}: a manifest to publish`, () => {
      assert.is(manifest.private, undefined);
      assert.is(manifest.license, 'MIT');
      assert.match(manifest.repository.url, 'github.com/tapegrad/tapegrad');
      assert.ok(manifest.description);
      for (const file of ['LICENSE', 'README.md']) assert.ok(files.includes(file), `${file} is packed`);
      for (const [other, range] of Object.entries(manifest.dependencies ?? {})) {
        if (other.startsWith('@tapegrad/')) assert.is(range, `^${versions.get(other)}`, other);
        assert.match(range, /^[~^]?\d/, `${other}: a range of versions`);
      }
      const outside = files.filter((file) => !/^(dist|src|bin|font)\/|^[\w.]+$/.test(file));
      assert.equal(outside, [], 'nothing else is packed');
      assert.equal(
        files.filter((file) => /(^|\/)dist\/.*(?<!\.d)\.ts$|from-sources/.test(file)),
        [],
        'nothing that needs a loader for TypeScript',
      );
    });

    test(`${name}: entries and source maps lead to files that are there`, () => {
      for (const [entry, value] of Object.entries(manifest.exports)) {
        for (const target of targetsOf(value))
          assert.ok(files.includes(normalize(target)), `${entry}: ${target}`);
      }
      const maps = files.filter((file) => file.endsWith('.map'));
      assert.ok(maps.length > 0);
      for (const map of maps) {
        const { sources } = JSON.parse(read(app, 'node_modules', name, map)) as { sources: string[] };
        for (const source of sources) {
          const at = join(dirname(map), source);
          assert.ok(files.includes(at), `${map} → ${at}`);
        }
      }
    });

    test(`${name}: publint and arethetypeswrong find nothing`, async () => {
      const data = readFileSync(path);
      const { messages } = await publint({ pack: { tarball: new Uint8Array(data).buffer } });
      assert.equal(messages, []);
      const { types, ...analysis } = await checkPackage(createPackageFromTarballData(new Uint8Array(data)));
      assert.ok(types);
      // ES modules only: what `require` and TypeScript's resolution of 2016 make of them does not count.
      const counted = 'problems' in analysis ? analysis.problems : [];
      const problems = counted.filter(
        (problem) =>
          problem.kind !== 'CJSResolvesToESM' &&
          !('resolutionKind' in problem && ['node10', 'node16-cjs'].includes(problem.resolutionKind)),
      );
      assert.equal(problems, []);
    });
  }
}
