import { show } from '../shape.ts';
import type { Binding, Dispatch } from './dispatch.ts';
import type { ProgramMemory } from './program-memory.ts';

/** What there is to print of a captured program. */
interface Printable {
  readonly dispatches: readonly Dispatch[];
  readonly memory: ProgramMemory;
  readonly launches: number;
  readonly fused: number;
  readonly elided: number;
  readonly joined: number;
  readonly chain: number;
}

/** The launches as a table: which op asked for them and where that came from, kernel, workgroups, what they write and read. */
export function printProgram(program: Printable): string {
  const head = ['#', 'op', 'from', 'kernel', 'workgroups', 'writes', 'reads'];
  const rows = program.dispatches.map((dispatch, i) => {
    const { op, kernel, workgroups, bindings, outputs } = dispatch;
    return [
      String(i),
      op,
      originText(dispatch),
      kernel.label,
      workgroups.join(' x '),
      bindings.slice(0, outputs).map(describe).join(', '),
      bindings.slice(outputs).map(describe).join(', '),
    ];
  });
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length)),
  );
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padStart(widths[0]!) : cell.padEnd(widths[column]!)))
      .join('  ')
      .trimEnd();
  const { planned, liveSet, buffers, own } = program.memory;
  const ratio = liveSet > 0 ? ` (${(planned / liveSet).toFixed(2)} times)` : '';
  const count = (n: number, one: string, many: string) => `${n} ${n === 1 ? one : many}`;
  return [
    ...[head, ...rows].map(line),
    `${count(program.launches, 'launch', 'launches')} (${program.chain} in the longest chain), ${program.fused} merged into others, ${count(program.elided, 'copy', 'copies')} elided${program.joined > 0 ? `, ${program.joined} run beside others` : ''}`,
    `temporaries: ${bytesText(planned)} in ${count(buffers, 'buffer', 'buffers')}, largest live set ${bytesText(liveSet)}${ratio}; ` +
      `arguments, results, constants and uniforms: ${bytesText(own)}`,
  ].join('\n');
}

/**
 * Where a launch comes from: its entry in the graph, and what it was run for, as in `backward of entry 12 (relu)`.
 * Launches that were merged have several origins; one that is in no graph and has no label has none.
 */
function originText({ origins }: Pick<Dispatch, 'origins'>): string {
  const texts = origins.map(({ entry, labels }) => [...(entry ? [entry] : []), ...labels].join(', '));
  return [...new Set(texts.filter((text) => text !== ''))].join(' + ') || '-';
}

const describe = ({ shape, bytes }: Binding) => `${show(shape)} ${bytesText(bytes)}`;

function bytesText(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
