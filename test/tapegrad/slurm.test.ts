/* Runs on the fastest adapter. */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fewDigits, tapegrad, temporaryFolder, writeIdx } from '../helpers/runs.ts';

/* The script of a job array, submitted to a real Slurm of one node. */

const COMMANDS = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'scancel'];
const missing = COMMANDS.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
const isRoot = process.getuid?.() === 0;
if (missing.length > 0 || !isRoot)
  console.log(
    `SKIPPED: Slurm: ${isRoot ? `${missing.join(', ')} not installed (docs/sweeps.md)` : 'it takes root'}`,
  );
const suite = missing.length === 0 && isRoot ? test : test.skip;

const root = temporaryFolder();
const at = (...names: string[]) => join(root, ...names);
const oneNode = fileURLToPath(new URL('../../tools/slurm/one-node.sh', import.meta.url));
const slurm = (what: 'start' | 'stop') => spawnSync(oneNode, [what, at('slurm')], { encoding: 'utf8' });
const env = { SLURM_CONF: at('slurm', 'slurm.conf') };

/** Runs a command at the place from which the array is submitted. */
function run(command: string, args: readonly string[]): Promise<{ code: number | null; said: string }> {
  const child = spawn(command, args, { cwd: root, env: { ...process.env, ...env } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, said }));
  });
}

const logs = () =>
  ['slurmctld', 'slurmd', 'munged'].map((name) => {
    const path = at('slurm', `${name}.log`);
    return existsSync(path) ? `${name}: ${readFileSync(path, 'utf8').split('\n').slice(-20).join('\n')}` : '';
  });

suite('Slurm: an array runs, is stopped with a checkpoint before its limit, and goes on when submitted again', async () => {
  const started = slurm('start');
  try {
    assert.is(started.status, 0, `${started.stderr}${logs().join('\n')}`);
    writeIdx(at('digits'), fewDigits(300, 20));
    const script = await tapegrad(
      [
        ...['sweep', 'vae-mlp', '--seed', '0..1', '--hidden', '4', '--latent', '2', '--batch-size', '4'],
        ...['--epochs', '20', '--data', 'digits', '--out', 'array', '--no-compare', '--no-tensorboard'],
        ...['--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto', '--script', 'slurm', '--of', '2'],
      ],
      { cwd: root },
    );
    writeFileSync(at('array.sh'), script.stdout);
    const submitted = await run('sbatch', ['--parsable', 'array.sh']);
    assert.is(submitted.code, 0, submitted.said);
    const job = submitted.said.trim();
    // As Slurm does itself a minute before the limit.
    const metrics = at('array', 'seed=0', 'metrics.jsonl');
    while (!existsSync(metrics) || !readFileSync(metrics, 'utf8').includes('"epoch":2')) await setTimeout(50);
    assert.is((await run('scancel', ['--batch', '--signal=TERM', job])).code, 0);
    while ((await run('squeue', ['-h', '-j', job])).said.trim()) await setTimeout(100);
    assert.ok(existsSync(at('array', 'seed=0', 'state.safetensors')));
    assert.not(existsSync(at('array', 'results', 'seed=0.json')));
    const again = await run('sbatch', ['--wait', '--parsable', 'array.sh']);
    assert.is(again.code, 0, again.said);
    const { runs } = JSON.parse(readFileSync(at('array', 'summary.json'), 'utf8'));
    assert.equal(
      runs.map((row: { name: string; status: string }) => [row.name, row.status]),
      [0, 1].map((seed) => [`seed=${seed}`, 'done']),
    );
    for (const { result } of runs) assert.is(result.epochs, 20);
    const said = readFileSync(at(`slurm-${again.said.trim()}_0.out`), 'utf8');
    assert.match(said, /^\[1\/1\] seed=0: done$/m);
  } finally {
    slurm('stop');
  }
});

test.run();
