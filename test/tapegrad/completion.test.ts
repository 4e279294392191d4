/* Runs without an adapter. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { models } from '@tapegrad/vae';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { flagOf } from '../../packages/vae/src/models/options.ts';
import { tapegrad } from '../helpers/runs.ts';
import { temporaryFolder } from '../helpers/temporary.ts';

/* Presses TAB: each script is loaded by its own shell, in a folder with runs, and asked what may stand at the end of a line. */

const root = temporaryFolder();
const place = join(root, 'place');
for (const run of ['first', 'second', 'with space', 'not-a-run/images'])
  mkdirSync(join(place, 'runs', run), { recursive: true });
for (const run of ['first', 'second', 'with space'])
  writeFileSync(join(place, 'runs', run, 'config.json'), '{}');
mkdirSync(join(place, 'photos'));
writeFileSync(join(place, 'weights.pt'), '');

const here = (name: string) => fileURLToPath(new URL(`completion/${name}`, import.meta.url));
const run = promisify(execFile);

/** How each shell runs a file, and what it writes beside a name, or in it. */
const shells: Record<string, { options: string[]; plain: (offered: string) => string }> = {
  bash: { options: ['--norc'], plain: (offered) => offered },
  zsh: { options: ['-f'], plain: (offered) => offered.replaceAll('\\', '') },
  // A value is offered with its flag, a name with what it is for.
  fish: {
    options: ['--no-config'],
    plain: (offered) => offered.replace(/\t.*/, '').replace(/^--[\w-]+=/, ''),
  },
};

/** What a shell offers after each line, in any order. */
async function pressTab(shell: string, script: string, lines: readonly string[]): Promise<string[][]> {
  const { options, plain } = shells[shell]!;
  const args = [...options, here(`press-tab.${shell}`), script, ...lines];
  const { stdout } = await run(shell, args, { cwd: place });
  const parts = stdout.split('---\n').slice(0, -1);
  assert.is(parts.length, lines.length, stdout);
  const named = (part: string) =>
    part
      .split('\n')
      .filter(Boolean)
      .map((one) => plain(one).replace(/\/$/, ''));
  return parts.map((part) => [...new Set(named(part))].sort());
}

const names = [...models.keys()];
const flagsOfModel = (name: string) =>
  Object.keys(models.get(name)!.defaults).map((option) => `--${flagOf(option)}`);

/** What is offered, in any order; flags only where flags are asked for. */
const CASES: [line: string, offered: readonly string[]][] = [
  ['tapegrad tra', ['train', 'traverse']],
  ['tapegrad completion ', ['bash', 'fish', 'zsh']],
  ['tapegrad train ', names],
  ['tapegrad sweep ', names],
  ['tapegrad import be', ['beta-vae']],
  ['tapegrad train v', names.filter((name) => name.startsWith('v'))],
  ['tapegrad train --be', ['--beta', '--beta1', '--beta2']],
  ['tapegrad train ae --be', ['--beta1', '--beta2']],
  ['tapegrad train vae --latent 3 --gam', []],
  ['tapegrad train beta-vae --latent 3 --gam', ['--gamma']],
  ['tapegrad sweep vq-vae --cod', ['--codebook', '--codes']],
  ['tapegrad train --adapter ', ['auto', 'gpu', 'lavapipe', 'swiftshader']],
  ['tapegrad evaluate runs/first --adapter=s', ['swiftshader']],
  ['tapegrad train vae --warmup ', ['cyclical', 'linear', 'none']],
  ['tapegrad train vae --terms=r', ['reconstruction']],
  ['tapegrad train vae --data f', ['fashion-mnist']],
  ['tapegrad train vae --data p', ['photos']],
  ['tapegrad train vae --latent ', []],
  ['tapegrad export --format ', ['onnx', 'safetensors']],
  ['tapegrad sweep vae --script ', ['kubernetes', 'slurm']],
  ['tapegrad evaluate ', ['runs']],
  ['tapegrad evaluate runs/', ['runs/first', 'runs/second', 'runs/with space']],
  ['tapegrad sample runs/f', ['runs/first']],
  ['tapegrad train --resume runs/s', ['runs/second']],
  ['tapegrad compare runs/first runs/s', ['runs/second']],
  ['tapegrad evaluate runs/first ', []],
  ['tapegrad import vae w', ['weights.pt']],
  ['tapegrad train --out p', ['photos']],
  ['tapegrad doctor --j', ['--json']],
  ['tapegrad doctor --he', ['--help']],
];

for (const shell of Object.keys(shells)) {
  const isThere = spawnSync(shell, ['-c', 'exit 7']).status === 7;
  if (!isThere) process.stdout.write(`\nSKIPPED: ${shell} is not installed, whose completion is tested\n`);
  const or = isThere ? test : test.skip;

  or(`${shell}: the script completes commands, models, options, values and runs`, async () => {
    const { code, stdout, stderr } = await tapegrad(['completion', shell]);
    assert.is(code, 0, stderr);
    assert.is(stderr, '');
    const script = join(root, `tapegrad.${shell}`);
    writeFileSync(script, stdout);
    const found = await pressTab(
      shell,
      script,
      CASES.map(([line]) => line),
    );
    CASES.forEach(([line, offered], i) => {
      const isAboutFlags = /(^| )-[^ ]*$/.test(line);
      const counted = found[i]!.filter((one) => isAboutFlags || !one.startsWith('-'));
      assert.equal(counted, [...offered].sort(), `${shell}: ${line}`);
    });
  });

  or(`${shell}: after a model, all its options and no other model's`, async () => {
    const script = join(root, `tapegrad.${shell}`);
    const all = new Set(names.flatMap(flagsOfModel));
    const found = await pressTab(
      shell,
      script,
      names.map((name) => `tapegrad train ${name} --`),
    );
    names.forEach((name, i) => {
      const offered = found[i]!;
      assert.equal(
        offered.filter((flag) => all.has(flag)),
        flagsOfModel(name).sort(),
        name,
      );
      for (const flag of ['--out', '--seed', '--help', '--debug']) assert.ok(offered.includes(flag), flag);
    });
  });
}

test('completion: another shell is refused', async () => {
  const { code, stdout, stderr } = await tapegrad(['completion', 'tcsh']);
  assert.match(stderr, /^tapegrad: .*'tcsh' is invalid.*bash, zsh, fish.*\n$/);
  assert.is(stdout, '');
  assert.is(code, 1);
});

test.run();
