import { diagnose } from '@tapegrad/node';
import { datasetNames } from '../choices.ts';
import { loadDataset } from '../data/datasets.ts';

/** The command `doctor`. */
export async function doctor({ adapter, json }: { adapter: string; json?: boolean }): Promise<void> {
  const diagnosis = await diagnose(adapter);
  const data: Data = [];
  for (const name of datasetNames) {
    try {
      const { train, test, shape } = await loadDataset(name);
      const detail = `${train.count} + ${test.count} images of ${shape.join('x')}`;
      data.push({ name, found: true, detail });
    } catch (error) {
      data.push({ name, found: false, detail: (error as Error).message });
    }
  }
  if (json) process.stdout.write(`${JSON.stringify({ ...diagnosis, data }, null, 2)}\n`);
  else process.stdout.write(`${report(diagnosis, data)}\n`);
  if (!diagnosis.chosen) process.exitCode = 1;
}

type Data = { name: string; found: boolean; detail: string }[];

function report(d: Awaited<ReturnType<typeof diagnose>>, data: Data): string {
  const rows: [string, string][] = [
    ['node', `${d.node} on ${d.platform}`],
    ['cpu', `${d.cpu.model}, ${d.cpu.cores} cores`],
  ];
  if (d.chosen) {
    rows.push(
      ['adapter', `${d.chosen.name} (${d.chosen.kind})`],
      ['driver', d.chosen.driver],
      ['subgroups', `${d.chosen.subgroupMinSize} to ${d.chosen.subgroupMaxSize} lanes`],
      ['features', features(d.chosen.features)],
    );
  } else rows.push(['adapter', `none: ${d.error ?? 'nothing suits'}`]);
  for (const c of d.candidates) rows.push(['looked at', `${c.name}: ${c.reason}`]);
  for (const { name, found, detail } of data) rows.push(['data', `${found ? '' : 'no '}${name}: ${detail}`]);
  for (const line of d.advice) rows.push(['advice', line]);
  return rows.flatMap(([key, value]) => wrapped(key, value)).join('\n');
}

/** The features that kernels can use; `--json` lists all. */
const USED = ['subgroups', 'shader-f16', 'timestamp-query'];

const features = (there: readonly string[]) =>
  USED.map((name) => (there.includes(name) ? name : `no ${name}`)).join(', ');

const WIDTH = 100;
const INDENT = 11;

/** A key and its value, wrapped at `WIDTH` characters as far as its words allow. */
function wrapped(key: string, value: string): string[] {
  const lines: string[] = [];
  for (const word of value.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDTH - INDENT)
      lines.push(`${lines.pop()} ${word}`);
    else lines.push(word);
  }
  return lines.map((line, i) => `${(i === 0 ? key : '').padEnd(INDENT)}${line}`);
}
