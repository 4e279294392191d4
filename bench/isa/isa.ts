import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from 'tapegrad/node';
import { table, usersOf } from '../report.ts';
import { writeAtomically } from '../results-file.ts';
import type { Compiled, CompiledFacts, Compiler } from './compiler.ts';
import { type GpuKernel, gpuKernels } from './kernels.ts';
import { nvidia } from './nvidia.ts';
import { radv } from './radv.ts';

/** By whose GPUs they compile for. */
const compilers = new Map<string, Compiler>([
  ['amd', radv],
  ['nvidia', nvidia],
]);

const HELP = `Usage: npm run bench -- isa [FILTER…] [options]

Compiles every kernel that the models' training steps and the kernel benchmarks launch on a GPU, with the compiler of a GPU
that need not be there, and prints what came of each: vector registers, spilled registers, shared memory, code size,
subgroups that a SIMD holds; and of the hottest loop the instructions, the share of multiply-adds among them, reads of
shared memory and loads from buffers (bytes for each lane: how many), barriers. The hottest loop is the innermost one that
multiplies most; where none does, the one that reads most.

A kernel is compiled if its name, or who uses it, contains one of the filters: contraction_tiles, steps/ae, matmul …

Options:
  --for <which>      amd: by Mesa's RADV, for ${radv.target}, from WGSL; nvidia: by CUDA's nvcc, for ${nvidia.target}, from the
                     same kernels in CUDA C++ (default: amd)
  --json <file>      writes the same as JSON
  --compare <file>   what became worse or better than in that --json file; exit code 1 if anything became worse
  --asm <folder>     writes the disassembly of each kernel there
  --help             this text

Exit codes: 1 if a kernel spills registers or fails to compile, with --compare only if one became worse; 2 after an error.
`;

/** What --json writes. */
export interface IsaResults {
  readonly format: 'tapegrad-isa';
  readonly version: 1;
  readonly family: string;
  readonly kernels: readonly IsaRow[];
}

export interface IsaRow {
  readonly id: string;
  readonly users: readonly string[];
  readonly facts?: CompiledFacts;
  readonly error?: string;
}

/** Share of multiply-adds in the hottest loop. */
export const shareOf = ({ loop }: CompiledFacts): number =>
  loop ? loop.multiplyAdds / loop.instructions : 0;

/** `npm run bench -- isa`: see HELP. @returns the exit code */
export async function isa(argv: readonly string[]): Promise<number> {
  const { values, positionals } = parsed(argv);
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const compiler = compilers.get(values.for);
  if (!compiler)
    throw new UserError(`isa: --for is one of ${[...compilers.keys()].join(', ')}, not ${values.for}`);
  const missing = compiler.missing();
  if (missing !== undefined) throw new UserError(missing);
  const before = values.compare === undefined ? undefined : readIsa(values.compare, compiler.target);
  const { kernels, compiled } = await compiledKernels(compiler, positionals, progress);
  progress('');
  const rows = kernels.map(({ id, users }, i): IsaRow => {
    const { facts, error } = compiled[i]!;
    return { id, users, ...(facts && { facts }), ...(error !== undefined && { error }) };
  });
  process.stdout.write(`${describeIsa(rows)}\n`);
  const results: IsaResults = { format: 'tapegrad-isa', version: 1, family: compiler.target, kernels: rows };
  if (values.json !== undefined) writeAtomically(values.json, `${JSON.stringify(results, null, 1)}\n`);
  if (values.asm !== undefined) writeDisassembly(values.asm, kernels, compiled);
  const faults = faultsOf(rows);
  if (faults.length > 0) process.stdout.write(`\n${faults.join('\n')}\n`);
  if (!before) return faults.length > 0 ? 1 : 0;
  const { text, worse } = compareIsa(before, results);
  process.stdout.write(`\ncompared with ${values.compare}: ${text}\n`);
  return worse > 0 ? 1 : 0;
}

function parsed(argv: readonly string[]) {
  try {
    const text = { type: 'string' } as const;
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        for: { ...text, default: 'amd' },
        json: text,
        compare: text,
        asm: text,
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UserError(`${(error as Error).message.split('. ')[0]}; isa --help lists what there is`);
  }
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}

/** The kernels that the filters ask for, all if there are none, and what came of each. */
export async function compiledKernels(
  compiler: Compiler,
  filters: readonly string[],
  onProgress: (text: string) => void = () => undefined,
): Promise<{ kernels: GpuKernel[]; compiled: Compiled[] }> {
  onProgress('looking for kernels');
  const has = (text: string) =>
    filters.length === 0 || filters.some((filter) => text.toLowerCase().includes(filter.toLowerCase()));
  // A filter that only users match spares looking into the others.
  const users = await gpuKernels(
    (user) => has(user) || filters.some((filter) => !filter.includes('/')),
    compiler,
  );
  const kernels = users.filter((kernel) => has(kernel.id) || kernel.users.some(has));
  if (kernels.length === 0)
    throw new UserError(`isa: no kernel's name or user contains ${filters.join(' or ')}`);
  const compiled = await compiler.compileAll(kernels, (done) =>
    onProgress(`${done} of ${kernels.length} kernels`),
  );
  return { kernels, compiled };
}

/** What must not be. */
export function faultsOf(rows: readonly IsaRow[]): string[] {
  return rows.flatMap(({ id, facts, error }) => {
    if (error !== undefined) return [`does not compile: ${id}: ${error}`];
    const spilled = facts!.spilledRegisters;
    return spilled > 0 ? [`spills ${spilled} registers: ${id}`] : [];
  });
}

const widths = (counts: Readonly<Record<number, number>>) =>
  Object.entries(counts)
    .map(([bytes, count]) => `${bytes} B: ${count}`)
    .join(', ');

function describeIsa(rows: readonly IsaRow[]): string {
  const head = [
    'kernel',
    'VGPRs',
    'spills',
    'scratch',
    'shared B',
    'code B',
    'waves',
    'loop',
    'multiply-adds',
    'shared reads',
    'global loads',
    'barriers',
    'used by',
  ];
  const cells = rows.map(({ id, users, facts, error }) => {
    if (!facts) return [id, ...head.slice(2).map(() => ''), `FAILED: ${error}`];
    const { loop } = facts;
    return [
      id,
      `${facts.vectorRegisters}`,
      `${facts.spilledRegisters}`,
      `${facts.scratch}`,
      `${facts.shared}`,
      `${facts.codeBytes}`,
      `${facts.waves}`,
      loop ? `${loop.instructions}` : '-',
      loop ? `${loop.multiplyAdds} (${(100 * shareOf(facts)).toFixed(0)} %)` : '-',
      loop ? widths(loop.sharedReads) : '-',
      loop ? widths(loop.globalLoads) : '-',
      loop ? `${loop.barriers}` : '-',
      usersOf(users.map((user) => user.replace('steps/', ''))),
    ];
  });
  return table(head, cells);
}

/** @throws UserError if the file is none of `--json` of this version, or for other GPUs */
function readIsa(file: string, family: string): IsaResults {
  let results: Partial<IsaResults>;
  try {
    results = JSON.parse(readFileSync(file, 'utf8')) as Partial<IsaResults>;
  } catch (error) {
    throw new UserError(`--compare ${file}: ${(error as Error).message}`);
  }
  if (results?.format !== 'tapegrad-isa' || results.version !== 1 || !Array.isArray(results.kernels))
    throw new UserError(`--compare ${file}: is no file that 'bench -- isa --json' of this version writes`);
  if (results.family !== family)
    throw new UserError(`--compare ${file}: was compiled for ${results.family}, and this is ${family}`);
  return results as IsaResults;
}

/** Shares that are nearer than this are called the same: an instruction more or less is the scheduler's whim. */
const MARGIN = 0.01;

/** Kernels of the same name that became worse or better: spills, waves, the share of multiply-adds. */
export function compareIsa(before: IsaResults, after: IsaResults): { text: string; worse: number } {
  const old = new Map(before.kernels.map((row) => [row.id, row]));
  const lines: string[] = [];
  let worse = 0;
  let same = 0;
  let unmatched = 0;
  for (const { id, facts, error } of after.kernels) {
    const earlier = old.get(id);
    if (!earlier) {
      unmatched++;
      continue;
    }
    old.delete(id);
    const changes: string[] = [];
    const note = (
      what: string,
      from: number,
      to: number,
      isWorse: boolean,
      show: (value: number) => string = String,
    ) => {
      if (isWorse) worse++;
      changes.push(`${what} ${show(from)} before, ${show(to)} now${isWorse ? ' (worse)' : ''}`);
    };
    if (!facts || !earlier.facts) {
      if (error !== undefined && earlier.error === undefined) {
        worse++;
        changes.push(`does not compile any more: ${error}`);
      }
    } else {
      const [was, is] = [earlier.facts, facts];
      if (was.spilledRegisters !== is.spilledRegisters)
        note('spills', was.spilledRegisters, is.spilledRegisters, is.spilledRegisters > was.spilledRegisters);
      if (was.waves !== is.waves) note('waves', was.waves, is.waves, is.waves < was.waves);
      const [share0, share1] = [shareOf(was), shareOf(is)];
      if (Math.abs(share1 - share0) > MARGIN)
        note('multiply-adds', share0, share1, share1 < share0, (share) => `${(100 * share).toFixed(0)} %`);
    }
    if (changes.length > 0) lines.push(`  ${id}: ${changes.join('; ')}`);
    else same++;
  }
  unmatched += old.size;
  const counts = `${worse} worse, ${lines.length} changed, ${same} the same${unmatched > 0 ? `, ${unmatched} in one of the two only` : ''}`;
  return { text: [counts, ...lines].join('\n'), worse };
}

function writeDisassembly(
  folder: string,
  kernels: readonly GpuKernel[],
  compiled: readonly Compiled[],
): void {
  mkdirSync(folder, { recursive: true });
  kernels.forEach(({ id, code }, i) => {
    const name = id.replace(/[^\w=.-]+/g, '_').slice(0, 180);
    writeFileSync(join(folder, `${name}.s`), `${compiled[i]!.disassembly}\n`);
    writeFileSync(join(folder, `${name}.wgsl`), `${code}\n`);
  });
}
