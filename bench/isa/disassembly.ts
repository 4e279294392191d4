/*
 * What the disassembly of a kernel for AMD GPUs says of it. Blocks begin with a line `BB3:`; a loop is what lies between a
 * branch and an earlier block that it goes to. Mnemonics are those of "AMD GCN3 Instruction Set Architecture".
 */

/** How often what occurs in one turn of a loop, each instruction counted once as it stands in the text. */
export interface LoopFacts {
  readonly instructions: number;
  readonly multiplyAdds: number;
  /** Reads of shared memory and loads from buffers, by the bytes that each lane gets. */
  readonly sharedReads: Readonly<Record<number, number>>;
  readonly globalLoads: Readonly<Record<number, number>>;
  readonly barriers: number;
}

interface Block {
  readonly name: string;
  readonly start: number;
}

const MULTIPLY_ADD = /^v_(mac|mad|madak|madmk|fma|fmac|fmaak|fmamk)_f32/;
const BRANCH = /^s_c?branch\w*\s+(BB\d+)/;

/** The facts of the hottest loop; undefined where a kernel has none. */
export function hottestLoop(disassembly: string): LoopFacts | undefined {
  const { instructions, blocks } = parse(disassembly);
  const starts = new Map(blocks.map(({ name, start }) => [name, start]));
  const ends = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    const target = BRANCH.exec(instruction)?.[1];
    const start = target === undefined ? undefined : starts.get(target);
    if (start !== undefined && start <= at) ends.set(start, at);
  });
  const loops = [...ends].map(([start, end]) => ({ start, end }));
  const innermost = loops.filter(
    ({ start, end }) =>
      !loops.some(
        (other) => (other.start !== start || other.end !== end) && start <= other.start && other.end <= end,
      ),
  );
  // The one that multiplies most; of loops that do not multiply, the longest.
  return innermost
    .map(({ start, end }) => factsOf(instructions.slice(start, end + 1)))
    .sort((a, b) => b.multiplyAdds - a.multiplyAdds || b.instructions - a.instructions)[0];
}

function parse(disassembly: string): { instructions: string[]; blocks: Block[] } {
  const instructions: string[] = [];
  const blocks: Block[] = [];
  for (const line of disassembly.split('\n')) {
    const block = /^(BB\d+):/.exec(line)?.[1];
    const repeated = /^\s*\(then repeated (\d+) times\)/.exec(line)?.[1];
    const instruction = /^\s+([a-z]\w+.*?)\s*(;.*)?$/.exec(line)?.[1];
    if (block) blocks.push({ name: block, start: instructions.length });
    else if (repeated) instructions.push(...new Array<string>(Number(repeated)).fill(instructions.at(-1)!));
    else if (instruction) instructions.push(instruction);
  }
  return { instructions, blocks };
}

function factsOf(instructions: readonly string[]): LoopFacts {
  const sharedReads: Record<number, number> = {};
  const globalLoads: Record<number, number> = {};
  const count = (into: Record<number, number>, bytes: number | undefined) => {
    if (bytes !== undefined) into[bytes] = (into[bytes] ?? 0) + 1;
  };
  for (const instruction of instructions) {
    count(sharedReads, sharedBytes(instruction));
    count(globalLoads, globalBytes(instruction));
  }
  return {
    instructions: instructions.length,
    multiplyAdds: instructions.filter((instruction) => MULTIPLY_ADD.test(instruction)).length,
    sharedReads,
    globalLoads,
    barriers: instructions.filter((instruction) => instruction.startsWith('s_barrier')).length,
  };
}

/** Of `ds_read_b128`, 16; of `ds_read2_b32`, which reads two of them, 8. */
function sharedBytes(instruction: string): number | undefined {
  const [, two, bits] = /^ds_read(2(?:st64)?)?_[biu](\d+)/.exec(instruction) ?? [];
  return bits === undefined ? undefined : ((two ? 2 : 1) * Number(bits)) / 8;
}

/** Of `buffer_load_dwordx4`, 16. */
function globalBytes(instruction: string): number | undefined {
  const [, what, words] =
    /^(?:buffer|flat|global)_load_(dword|[us]byte|[us]short)(?:x(\d))?/.exec(instruction) ?? [];
  if (what === undefined) return undefined;
  if (what !== 'dword') return what.endsWith('byte') ? 1 : 2;
  return 4 * Number(words ?? 1);
}
