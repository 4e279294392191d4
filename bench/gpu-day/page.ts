import type { DayRecord, Row, StageRecord } from './record.ts';
import { stages } from './stages.ts';

/** A day as Markdown. */
export function pageOf(record: DayRecord): string {
  const { date, commit, machine, small } = record;
  const named = (what: string) => record.stages[0]?.rows.find((row) => row.what === what)?.value ?? 'unknown';
  const head = [
    '# On a GPU',
    '',
    `${named('adapter')}, ${named('driver')}; ${machine.cpu}, ${machine.cores} cores, Node ${machine.node}; ${date.slice(0, 16).replace('T', ' ')} UTC, commit ${commit}.`,
    'Written by `npm run bench -- gpu-day`; see [benchmarks.md](benchmarks.md).',
    ...(small ? ['', '**A rehearsal with small sizes: its times say nothing of the adapter.**'] : []),
  ];
  return `${[...head, ...record.stages.flatMap(sectionOf)].join('\n')}\n`;
}

function sectionOf(stage: StageRecord): string[] {
  const { name, state, reason, rows } = stage;
  const about = stages.find((one) => one.name === name)?.about ?? '';
  const title = name[0]!.toUpperCase() + name.slice(1);
  const what = state === 'done' ? [] : ['', `**${state}**${reason ? `: ${inCell(reason)}` : ''}.`];
  return ['', `## ${title}`, '', about, ...what, ...(rows.length > 0 ? ['', ...tableOf(rows)] : [])];
}

/** Columns in the order in which rows bring them. */
function tableOf(rows: readonly Row[]): string[] {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isNumber = columns.map((name) => rows.every((row) => typeof (row[name] ?? 0) === 'number'));
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(columns),
    line(isNumber.map((right) => (right ? '---:' : '---'))),
    ...rows.map((row) => line(columns.map((name) => cellOf(row[name])))),
  ];
}

function cellOf(value: Row[string] | undefined): string {
  if (value === undefined) return '';
  if (typeof value === 'boolean') return value ? 'yes' : '**no**';
  return typeof value === 'number' ? String(value) : inCell(value);
}

/** Of a text of many lines, what fits into a cell. */
const inCell = (text: string) =>
  text
    .replaceAll('|', '\\|')
    .replace(/\s*\n\s*/g, ' ⏎ ')
    .slice(0, 600);
