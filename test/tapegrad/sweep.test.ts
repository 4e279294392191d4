/* Runs on the fastest adapter. */
import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parse } from 'yaml';
import { commandNamed } from '../../packages/tapegrad/src/cli/commands.ts';
import {
  enterFolder,
  type Outcome,
  type Result,
  runSweep,
  type SweepConfig,
} from '../../packages/tapegrad/src/sweep/sweep.ts';
import { gridPoints, parseValues, pointsOfTask } from '../../packages/tapegrad/src/sweep/sweep-grid.ts';
import { shellQuoted } from '../../packages/tapegrad/src/sweep/sweep-script.ts';
import { summarize, writeSummary } from '../../packages/tapegrad/src/sweep/sweep-summary.ts';
import { builtCommand } from '../helpers/built.ts';
import { fewDigits, tapegrad, temporaryFolder, writeIdx } from '../helpers/runs.ts';

const root = temporaryFolder();
const at = (...names: string[]) => join(root, ...names);
const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'));

// -------------------------------------------------------------------------------------------------------- the grid

const whole = { kind: 'whole', least: 0, value: 0, help: '' } as const;
const real = { kind: 'real', least: 0, value: 0, help: '' } as const;

test('lists and ranges', () => {
  assert.equal(parseValues('beta', real, '0.1,1, 4e-3'), [0.1, 1, 0.004]);
  assert.equal(parseValues('seed', whole, '0..4'), [0, 1, 2, 3, 4]);
  assert.equal(parseValues('seed', whole, '7,0..2'), [7, 0, 1, 2]);
  assert.equal(parseValues('seed', whole, '3..3'), [3]);
});

test('the last axis changes fastest; names say the values', () => {
  const points = gridPoints([
    { option: 'beta', values: [0.1, 4] },
    { option: 'freeBits', values: [0, 1, 2] },
  ]);
  assert.equal(
    points.map(({ name }) => name),
    [0.1, 4].flatMap((beta) => [0, 1, 2].map((bits) => `beta=${beta},free-bits=${bits}`)),
  );
  assert.equal(
    points.map(({ index }) => index),
    [0, 1, 2, 3, 4, 5],
  );
  assert.equal(points[4]!.values, { beta: 4, freeBits: 1 });
});

test('tasks share the points, each point in one of them', () => {
  const points = gridPoints([{ option: 'seed', values: [0, 1, 2, 3, 4, 5, 6] }]);
  const parts = [0, 1, 2].map((task) => pointsOfTask(points, { task, of: 3 }).map(({ index }) => index));
  assert.equal(parts, [
    [0, 3, 6],
    [1, 4],
    [2, 5],
  ]);
});

const BAD: [args: string, message: RegExp][] = [
  ['vae --beta 1,x', /--beta: 'x' is not a finite number, 0 or more/],
  ['vae --beta=-1,1', /--beta: '-1' is not a finite number, 0 or more/],
  ['vae --latent 2,2.5', /--latent: '2\.5' is not a whole number, 1 or more/],
  ['vae --beta 1,,2', /--beta '1,,2': an empty value/],
  ['vae --beta=', /--beta '': an empty value/],
  ['vae --seed 4..0', /--seed '4\.\.0': the range 4\.\.0 goes down; write 0\.\.4/],
  ['vae --seed 1..', /'1\.\.' is not a range; write one as 0\.\.4/],
  ['vae --seed 0..99999', /100000 values; a sweep has 10000 runs at most/],
  ['vae --seed 0..99 --latent 1..200', /20000 runs \(100 of --seed x 200 of --latent\); a sweep has 10000/],
  ['vae --beta 1,2,1.0', /--beta '1,2,1\.0': 1 is given twice/],
  ['vae --beta 1,2 --beta 3', /--beta is given twice: name all values at once, --beta 1,2,3$/],
  ['vae --beta ,', /--beta ',': an empty value; give a list such as 0\.1,1,4/],
  ['vae --beta 0..4', /--beta '0\.\.4': ranges are for whole numbers; give a list such as 0\.1,1,4/],
  ['vae --latent 2..1e9', /'2\.\.1e9' is not a range; write one as 0\.\.4/],
  ['vae --terms both,some', /--terms: 'some' is not one of both, reconstruction, kl/],
  ['vae --codes 1,2', /vae has no --codes/],
  ['vea --beta 1,2', /no model is named 'vea'; did you mean 'vae'\?/],
  ['vae --beta 1', /nothing to sweep: give an option several values/],
  ['vae', /nothing to sweep/],
  ['vae --seed 0..4 --task 5 --of 5', /--task 5 --of 5: tasks are counted from 0 to 4/],
  ['vae --seed 0..4 --task 5', /--task and --of go together/],
  ['vae --seed 0..4 --of 5', /--task and --of go together/],
  ['vae --seed 0..4 --task -1 --of 5', /--task.*-1.*whole number, 0 or more/],
  ['vae --seed 0..4 --jobs 0', /--jobs.*'0'.*whole number, 1 or more/],
  [
    'vae --seed 0..4 --script slurm --task 1 --of 5',
    /--script writes a script for all tasks: leave --task out/,
  ],
  ['vae --seed 0..4 --script pbs', /Allowed choices are slurm, kubernetes/],
];
for (const [args, message] of BAD) {
  test(`bad input: sweep ${args}`, async () => {
    const command = (await commandNamed('sweep')).exitOverride().configureOutput({ outputError: () => {} });
    const error: Error = await command
      .parseAsync([...args.split(' '), '--out', at('never')], { from: 'user' })
      .then(
        () => assert.unreachable('it was accepted'),
        (reason) => reason,
      );
    assert.match(error.message, message);
    assert.not.match(error.message, /\n/);
    assert.not(existsSync(at('never')));
  });
}

// --------------------------------------------------------------------------------------------------- what runs when

const config: SweepConfig = {
  model: 'vae',
  axes: [{ option: 'seed', values: [0, 1, 2, 3] }],
  fixed: { epochs: '2' },
};
const points = gridPoints(config.axes);

/** Stands for `tapegrad train`: a script that gets the run's folder, and the seed, and does what it is told. */
const fake =
  (script: string, calls: string[][] = []) =>
  (args: readonly string[], log: number): ChildProcess => {
    calls.push([...args]);
    const folder = args[args.findIndex((arg) => arg === '--out' || arg === '--resume') + 1]!;
    const seed = args.find((arg) => arg.startsWith('--seed='))!.slice(7);
    const prelude = `const fs = require('fs'), folder = ${JSON.stringify(folder)}, seed = ${seed};
      const write = (name, text) => { fs.mkdirSync(folder, { recursive: true }); fs.writeFileSync(folder + '/' + name, text); };
      const finish = () => { write('config.json', '{}'); write('metrics.jsonl', JSON.stringify({
        kind: 'epoch', epoch: 2, seconds: 1.5, train: { loss: 3 }, test: { loss: seed + 0.5 } }) + '\\n'); };`;
    return spawn(process.execPath, ['-e', prelude + script], { stdio: ['ignore', log, log], detached: true });
  };

/** Runs all points, or those given, and returns how each ended. */
async function sweep(
  folder: string,
  script: string,
  { own = points, jobs = 2, calls = [] as string[][], onEnd = () => {} } = {},
): Promise<Record<string, Outcome>> {
  enterFolder(folder, config);
  const request = { folder, config, points: own, jobs, flags: ['--adapter=none'], listener: onEnd };
  const outcomes = await runSweep({ ...request, start: fake(script, calls) }).done;
  writeSummary(folder, config, summarize(folder, points, outcomes));
  return Object.fromEntries([...outcomes].map(([{ name }, outcome]) => [name, outcome]));
}

test('a run that fails stops none of the others, is named with its reason, and is tried again', async () => {
  const folder = at('failing');
  const calls: string[][] = [];
  const first = await sweep(
    folder,
    `if (seed === 1) { console.error('starting\\ntapegrad: the disk is full'); process.exit(1); } finish();`,
    { calls },
  );
  assert.equal(first['seed=1'], {
    status: 'failed',
    reason: `the disk is full (${join(folder, 'logs', 'seed=1.log')})`,
  });
  for (const seed of [0, 2, 3]) assert.equal(first[`seed=${seed}`], { status: 'done', earlier: false });
  assert.equal(calls[0], [
    'train',
    'vae',
    '--epochs=2',
    '--seed=0',
    '--out',
    join(folder, 'seed=0'),
    '--adapter=none',
  ]);
  const summary = json(join(folder, 'summary.json'));
  assert.equal(
    summary.runs.map(({ status }: { status: string }) => status),
    ['done', 'failed', 'done', 'done'],
  );
  assert.equal(summary.runs[3].result, {
    name: 'seed=3',
    values: { seed: 3 },
    epochs: 2,
    seconds: 1.5,
    train: { loss: 3 },
    test: { loss: 3.5 },
  });
  assert.equal(readFileSync(join(folder, 'summary.csv'), 'utf8').split('\r\n'), [
    'run,seed,status,epochs,seconds,train loss,test loss',
    'seed=0,0,done,2,1.5,3,0.5',
    'seed=1,1,failed,,,,',
    'seed=2,2,done,2,1.5,3,2.5',
    'seed=3,3,done,2,1.5,3,3.5',
    '',
  ]);
  calls.length = 0;
  const second = await sweep(folder, 'finish();', { calls });
  assert.is(calls.length, 1, 'finished runs are not repeated');
  assert.equal(second['seed=0'], { status: 'done', earlier: true });
  assert.equal(second['seed=1'], { status: 'done', earlier: false });
  assert.equal(readdirSync(join(folder, 'locks')), []);
});

test('a run with a checkpoint is gone on with; one without is begun again', async () => {
  const folder = at('crashed');
  const crash = `write('config.json', '{}'); if (seed === 0) write('state.safetensors', 'x'); process.kill(process.pid, 'SIGKILL');`;
  const first = await sweep(folder, crash, { own: points.slice(0, 2) });
  assert.match((first['seed=0'] as { reason: string }).reason, /ended by SIGKILL/);
  const calls: string[][] = [];
  await sweep(folder, 'finish();', { own: points.slice(0, 2), calls });
  const [zero, one] = ['seed=0', 'seed=1'].map((name) => calls.find((args) => args.includes(`--${name}`))!);
  assert.equal(zero!.slice(4), ['--resume', join(folder, 'seed=0'), '--adapter=none']);
  assert.equal(one!.slice(4), ['--out', join(folder, 'seed=1'), '--force', '--adapter=none']);
});

test('stopping ends the runs under way, starts no others, and is no failure', async () => {
  const folder = at('stopped');
  enterFolder(folder, config);
  const script = `process.on('SIGINT', () => process.exit(130)); write('ready', ''); setInterval(() => {}, 1000);`;
  const running = runSweep({
    ...{ folder, config, points, jobs: 2, flags: [], listener: () => {} },
    start: fake(script),
  });
  while (![0, 1].every((seed) => existsSync(join(folder, `seed=${seed}`, 'ready')))) await pause(20);
  running.stop('SIGINT');
  const outcomes = await running.done;
  assert.equal(
    [...outcomes.values()].map(({ status }) => status),
    ['interrupted', 'interrupted'],
  );
  assert.not(existsSync(join(folder, 'seed=2')));
});

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

test('as many runs at the same time as --jobs says, and no more', async () => {
  const folder = at('jobs');
  // Each looks for others, until it has seen one and then for a while, and notes how many there were.
  const script = `
    write('on', '');
    let most = 0, left = 200;
    const look = setInterval(() => {
      const on = fs.readdirSync(folder + '/..').filter((name) => fs.existsSync(folder + '/../' + name + '/on')).length;
      most = Math.max(most, on);
      if (most > 1) left = Math.min(left, 10);
      if (--left > 0) return;
      clearInterval(look);
      write('seen', String(most));
      fs.rmSync(folder + '/on');
      finish();
    }, 10);`;
  await sweep(folder, script, { jobs: 2 });
  const seen = points.map(({ name }) => Number(readFileSync(join(folder, name, 'seen'), 'utf8')));
  assert.is(Math.max(...seen), 2);
});

test('two processes on the same point: one of them runs it', async () => {
  const folder = at('twice');
  const calls: string[][] = [];
  const both = await Promise.all(
    [0, 1].map(() => sweep(folder, 'setTimeout(finish, 300);', { own: points.slice(0, 1), calls })),
  );
  assert.is(calls.length, 1);
  const reasons = both
    .map((outcomes) => outcomes['seed=0']!)
    .flatMap((end) => ('reason' in end ? [end.reason] : []));
  assert.is(reasons.length, 1);
  assert.match(reasons[0]!, /^process \d+ on .* runs it \(if that cannot be, remove .*seed=0\)$/);
});

test('a folder without a name is refused', () => {
  assert.throws(() => enterFolder('', config), /the sweep's folder has no name: name one with --out/);
});

test('a folder with another sweep, a run or a file is refused, saying what differs', () => {
  const folder = at('known');
  enterFolder(folder, config);
  enterFolder(folder, config);
  const refused = (other: SweepConfig, message: RegExp) =>
    assert.throws(() => enterFolder(folder, other), message);
  refused({ ...config, model: 'ae' }, /holds another sweep: of vae there, of ae here; choose another/);
  refused({ ...config, fixed: { epochs: '3' } }, /--epochs is 2 there, 3 here/);
  refused({ ...config, fixed: {} }, /--epochs is 2 there, not given here/);
  refused({ ...config, fixed: { ...config.fixed, logEvery: '5' } }, /--log-every is not given there, 5 here/);
  refused({ ...config, axes: [{ option: 'seed', values: [0, 1] }] }, /--seed is 0,1,2,3 there, 0,1 here/);
  mkdirSync(at('single'));
  writeFileSync(at('single/config.json'), '{}');
  assert.throws(() => enterFolder(at('single'), config), /single: holds a single run, not a sweep/);
  assert.throws(() => enterFolder(at('single/config.json'), config), /it is a file/);
  writeFileSync(join(folder, 'sweep.json'), '{');
  assert.throws(() => enterFolder(folder, config), /sweep\.json: broken/);
});

// ---------------------------------------------------------------------------------------- real runs, by schedulers

const digits = writeIdx(at('some digits'), fewDigits(128, 20));
const GRID = [
  'vae-mlp',
  '--latent',
  '2,3',
  '--seed',
  '0..1',
  '--hidden',
  '4',
  '--epochs',
  '1',
  '--batch-size',
  '64',
];
const REST = ['--data', digits, '--adapter', process.env.TAPEGRAD_ADAPTER ?? 'auto', '--out', at('array')];

const bin = await builtCommand();

/** A folder with a `tapegrad` for the PATH, as an installation has it. */
function installed(): string {
  mkdirSync(at('bin'), { recursive: true });
  const quoted = [process.execPath, bin].map(shellQuoted).join(' ');
  writeFileSync(at('bin/tapegrad'), `#!/bin/sh\nexec ${quoted} "$@"\n`);
  chmodSync(at('bin/tapegrad'), 0o755);
  return at('bin');
}

/** Where Node and the system's commands are. */
const withoutTapegrad = [dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter);

function shell(
  command: string,
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const PATH = `${installed()}${delimiter}${process.env.PATH}`;
  const child = spawn(command, args, { cwd: root, env: { ...process.env, PATH, ...env } });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const)
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      output[stream] += text;
    });
  return new Promise((resolve) => {
    child.on('close', (code) => resolve({ code, ...output }));
  });
}

const finished = () => readdirSync(at('array/results')).map((name) => name.replace('.json', ''));

test('the Slurm array runs its points: the script itself, under bash', async () => {
  const { code, stdout, stderr } = await tapegrad([
    'sweep',
    ...GRID,
    ...REST,
    '--script',
    'slurm',
    '--of',
    '2',
  ]);
  assert.is(code, 0, stderr);
  assert.not(existsSync(at('array')), 'printing a script writes nothing');
  assert.match(stdout, /^#!\/bin\/bash\n# 4 runs in 2 tasks\./);
  assert.match(stdout, /^#SBATCH --array=0-1$/m);
  // Slurm reads its options up to the first command.
  const lines = stdout.split('\n');
  assert.ok(
    lines.findLastIndex((line) => line.startsWith('#SBATCH')) <
      lines.findIndex((line) => line && !line.startsWith('#')),
  );
  writeFileSync(at('array.sh'), stdout);
  // The checkout that wrote it is here: nothing on the PATH is asked for.
  const ran = await shell('bash', [at('array.sh')], { SLURM_ARRAY_TASK_ID: '1', PATH: withoutTapegrad });
  assert.is(ran.code, 0, ran.stderr);
  assert.equal(finished().sort(), ['latent=2,seed=1', 'latent=3,seed=1']);
  assert.match(ran.stderr, /^\[1\/2\] latent=2,seed=1: done\n\[2\/2\] latent=3,seed=1: done\n$/m);
});

test('the Slurm array, on a node that has another installation, or none', async () => {
  const script = readFileSync(at('array.sh'), 'utf8');
  const elsewhere = script.replace(/^bin=.*$/m, 'bin=/no/such/place/tapegrad.js');
  writeFileSync(at('elsewhere.sh'), elsewhere);
  const env = { SLURM_ARRAY_TASK_ID: '1' };
  const ran = await shell('bash', [at('elsewhere.sh')], env);
  assert.match(ran.stderr, /latent=2,seed=1: done before/, 'the one on the PATH');
  const none = await shell('bash', [at('elsewhere.sh')], { ...env, PATH: withoutTapegrad });
  assert.is(none.code, 127);
  assert.match(
    none.stderr,
    /^no tapegrad on .*: neither \/no\/such\/place\/tapegrad.js nor one on the PATH; say with/,
  );
  writeFileSync(at('mine'), '#!/bin/sh\necho "$@"\n');
  chmodSync(at('mine'), 0o755);
  const named = await shell('bash', [at('array.sh')], { ...env, TAPEGRAD: at('mine') });
  assert.match(named.stdout, /^sweep vae-mlp --latent=2,3 .* --task 1 --of 2\n$/);
});

test('the Kubernetes Job is one, and its command runs its points', async () => {
  const printed = await tapegrad([
    'sweep',
    ...GRID,
    ...REST,
    '--script',
    'kubernetes',
    '--jobs',
    '3',
    '--image',
    'me/tapegrad:1',
  ]);
  assert.is(printed.code, 0, printed.stderr);
  const job = parse(printed.stdout);
  assert.equal([job.apiVersion, job.kind, job.metadata.name], ['batch/v1', 'Job', 'tapegrad-vae-mlp']);
  const { completionMode, completions, parallelism, template } = job.spec;
  assert.equal([completionMode, completions, parallelism], ['Indexed', 4, 3]);
  const [container] = template.spec.containers;
  assert.is(template.spec.restartPolicy, 'Never');
  assert.is(container.image, 'me/tapegrad:1');
  assert.equal(container.volumeMounts, [{ name: 'runs', mountPath: at('array') }]);
  assert.is(template.spec.volumes[0].name, 'runs');
  const [command, ...flags] = [...container.command, ...container.args];
  const ran = await shell(command, flags, { JOB_COMPLETION_INDEX: '2' });
  assert.is(ran.code, 0, ran.stderr);
  assert.equal(finished().sort(), ['latent=2,seed=1', 'latent=3,seed=0', 'latent=3,seed=1']);
});

test('the whole sweep goes on from what the tasks have done, and ends with all metrics', async () => {
  const { code, stdout, stderr } = await tapegrad(['sweep', ...GRID, ...REST, '--jobs', '2', '--json']);
  assert.is(code, 0, stderr);
  assert.is(stderr.match(/done before/g)!.length, 3);
  const { runs } = JSON.parse(stdout);
  assert.equal(
    runs.map(({ name, status }: { name: string; status: string }) => [name, status]),
    [2, 3].flatMap((latent) => [0, 1].map((seed) => [`latent=${latent},seed=${seed}`, 'done'])),
  );
  for (const { run, values, result } of runs) {
    const config = json(join(run, 'config.json'));
    assert.equal([config.latent, config.seed, config.hidden], [values.latent, values.seed, 4]);
    const epochs = readFileSync(join(run, 'metrics.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.is(result.test.loss, epochs.at(-1).test.loss);
  }
  assert.is(new Set(runs.map(({ result }: { result: Result }) => result.test.loss)).size, 4);
  // Of the two seeds, the page shows the first.
  const page = readFileSync(at('array/compare.html'), 'utf8');
  assert.match(page, /2 runs compared/);
  assert.ok(existsSync(at('array/compare.png')));
});

test.run();
