/*
 * What the disassembly of a kernel says of it. A loop is what lies between a branch and an earlier label that it goes to.
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

/** How a disassembler writes: what it calls things is the first group of each expression. */
export interface Dialect {
  readonly label: RegExp;
  readonly instruction: RegExp;
  /** That the last instruction stands there so many times more. */
  readonly repeated?: RegExp;
  /** The label that a branch goes to. */
  readonly branch: RegExp;
  readonly multiplyAdd: RegExp;
  readonly barrier: RegExp;
  /** Bytes that each lane gets from shared memory, or from a buffer, if the instruction reads there. */
  sharedBytes(instruction: string): number | undefined;
  globalBytes(instruction: string): number | undefined;
}

interface Label {
  readonly name: string;
  readonly start: number;
}

/** The facts of the hottest loop; undefined where a kernel has none. */
export function hottestLoop(disassembly: string, dialect: Dialect): LoopFacts | undefined {
  const { instructions, labels } = parse(disassembly, dialect);
  const starts = new Map(labels.map(({ name, start }) => [name, start]));
  const ends = new Map<number, number>();
  instructions.forEach((instruction, at) => {
    const target = dialect.branch.exec(instruction)?.[1];
    const start = target === undefined ? undefined : starts.get(target);
    // A branch to itself is where a kernel's code is filled up.
    if (start !== undefined && start < at) ends.set(start, at);
  });
  const loops = [...ends].map(([start, end]) => ({ start, end }));
  const innermost = loops.filter(
    ({ start, end }) =>
      !loops.some(
        (other) => (other.start !== start || other.end !== end) && start <= other.start && other.end <= end,
      ),
  );
  // The one that multiplies most; of loops that do not multiply, the one that reads most, or the longest.
  return innermost
    .map(({ start, end }) => factsOf(instructions.slice(start, end + 1), dialect))
    .sort(
      (a, b) => b.multiplyAdds - a.multiplyAdds || readsOf(b) - readsOf(a) || b.instructions - a.instructions,
    )[0];
}

const readsOf = ({ sharedReads, globalLoads }: LoopFacts) =>
  [sharedReads, globalLoads]
    .flatMap((counts) => Object.values(counts))
    .reduce((sum, count) => sum + count, 0);

function parse(disassembly: string, dialect: Dialect): { instructions: string[]; labels: Label[] } {
  const instructions: string[] = [];
  const labels: Label[] = [];
  for (const line of disassembly.split('\n')) {
    const label = dialect.label.exec(line)?.[1];
    const repeated = dialect.repeated?.exec(line)?.[1];
    const instruction = dialect.instruction.exec(line)?.[1];
    if (label) labels.push({ name: label, start: instructions.length });
    else if (repeated) instructions.push(...new Array<string>(Number(repeated)).fill(instructions.at(-1)!));
    else if (instruction) instructions.push(instruction);
  }
  return { instructions, labels };
}

function factsOf(instructions: readonly string[], dialect: Dialect): LoopFacts {
  const sharedReads: Record<number, number> = {};
  const globalLoads: Record<number, number> = {};
  const count = (into: Record<number, number>, bytes: number | undefined) => {
    if (bytes !== undefined) into[bytes] = (into[bytes] ?? 0) + 1;
  };
  for (const instruction of instructions) {
    count(sharedReads, dialect.sharedBytes(instruction));
    count(globalLoads, dialect.globalBytes(instruction));
  }
  return {
    instructions: instructions.length,
    multiplyAdds: instructions.filter((instruction) => dialect.multiplyAdd.test(instruction)).length,
    sharedReads,
    globalLoads,
    barriers: instructions.filter((instruction) => dialect.barrier.test(instruction)).length,
  };
}
