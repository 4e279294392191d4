import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { compile, stage } from './compile.ts';
import { publishedManifest } from './packages.ts';

/* `npm run pack -- DIR`: builds, and leaves a tarball of every package in DIR. */

const [folder, ...others] = process.argv.slice(2);
if (!folder || others.length > 0 || folder.startsWith('-')) {
  process.stderr.write('pack: give the one folder that the tarballs go to: npm run pack -- DIR\n');
  process.exit(1);
}
const target = resolve(process.env.INIT_CWD ?? '.', folder);
mkdirSync(target, { recursive: true });
const work = mkdtempSync(join(tmpdir(), 'tapegrad-pack-'));
try {
  const staged = (await compile()).map((one) => {
    const at = join(work, one.manifest.name.replace('/', '+'));
    stage(one, at);
    writeFileSync(join(at, 'package.json'), `${JSON.stringify(publishedManifest(one), null, 2)}\n`);
    return at;
  });
  const npm = process.env.npm_execpath;
  const args = ['pack', '--silent', '--pack-destination', target, ...staged];
  const packed = npm?.endsWith('.js')
    ? execFileSync(process.execPath, [npm, ...args], { encoding: 'utf8' })
    : execFileSync('npm', args, { encoding: 'utf8' });
  for (const name of packed.trim().split('\n')) process.stdout.write(`${join(target, name)}\n`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
