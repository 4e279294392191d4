import type { KernelRow } from './kernels/measure.ts';
import { escapeHtml, groupOf } from './page-parts.ts';
import type { PeerRow } from './peers/contest.ts';
import { digits, milliseconds, percent, usersOf } from './report.ts';
import type { Results } from './results.ts';
import type { Roofs } from './roofline.ts';
import { rooflineChart } from './roofline-chart.ts';
import type { HostRow, StepRow } from './training.ts';

const STYLE = `
:root { color-scheme: light dark; --page: #fff; --text: #1b1f24; --faint: #5b6470; --line: #d8dde3; --card: #f5f7f9;
  --c0: #2463c5; --c1: #b8500f; --c2: #2e7d4f; --c3: #8a3ea8; --c4: #a8882a; --c5: #c2294b; }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --text: #e6e9ed; --faint: #9aa4b0; --line: #333a43;
  --card: #1c2127; --c0: #6ea3f5; --c1: #f0935a; --c2: #63bd8a; --c3: #c98be0; --c4: #d9bd62; --c5: #f07c95; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 75rem; padding: 1.5rem; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { margin: .3rem 0; color: var(--faint); max-width: 60rem; }
.roofs { display: flex; flex-wrap: wrap; gap: 1rem; margin: 1rem 0; }
.roofs div { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .6rem 1rem; flex: 1 1 14rem; }
.roofs b { display: block; font-size: 1.4rem; }
.wide { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 40rem; height: auto; }
svg text { fill: var(--text); font: 13px system-ui, sans-serif; } svg .faint { fill: var(--faint); }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .6rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th:first-child, td:first-child { text-align: left; white-space: normal; min-width: 16rem; overflow-wrap: anywhere; }
th:nth-child(2) { text-align: left; }
th { color: var(--faint); font-weight: 600; position: sticky; top: 0; background: var(--page); }
.bar { width: 11rem; text-align: left; } .bar span { display: inline-block; height: .75rem; border-radius: 2px; vertical-align: middle; }
.bar i { font-style: normal; padding-left: .4rem; }
.faint { color: var(--faint); } .bad { color: var(--c5); font-weight: 600; }
.task td { font-weight: 600; padding-top: .8rem; }
`;

/** All results as one page that needs no other file. */
export function pageOf(results: Results): string {
  const { adapter, machine, date, roofs, kernels, steps, host, peers, skipped, quick } = results;
  const sections = [
    roofs && kernels.length > 0 ? kernelSection(kernels, roofs) : '',
    steps.length > 0 ? stepSection(steps) : '',
    host.length > 0 ? hostSection(host) : '',
    peers.length > 0 ? peerSection(peers) : '',
    skipped.length > 0
      ? `<h2>Skipped</h2><ul>${skipped.map(({ id, reason }) => `<li>${escapeHtml(`${id}: ${reason}`)}</li>`).join('')}</ul>`
      : '',
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tapegrad benchmarks: ${escapeHtml(adapter.name)}</title><style>${STYLE}</style></head><body>
<h1>Tapegrad on ${escapeHtml(adapter.name)}</h1>
<p>${escapeHtml(`${adapter.driver}; ${machine.cpu}, ${machine.cores} cores; Node ${machine.node}; ${date.slice(0, 16).replace('T', ' ')} UTC`)}${quick ? '; <span class="bad">a quick run: the figures mean little</span>' : ''}</p>
${roofs ? cardsOf(roofs) : ''}
${sections.join('\n')}
</body></html>
`;
}

function cardsOf({ compute, bandwidth, kernelBandwidth }: Roofs): string {
  const card = (value: string, text: string) =>
    `<div><b>${value}</b><span class="faint">${escapeHtml(text)}</span></div>`;
  return `<div class="roofs">
${card(`${digits(compute.rate)} GFLOP/s`, compute.probe)}
${card(`${digits(bandwidth.rate)} GB/s`, bandwidth.probe)}
${card(`${digits(kernelBandwidth.rate)} GB/s`, `the most by a kernel: ${kernelBandwidth.probe}`)}
</div>`;
}

function tableOf(head: readonly string[], rows: readonly string[]): string {
  return `<div class="wide"><table><thead><tr>${head.map((title) => `<th>${title}</th>`).join('')}</tr></thead><tbody>
${rows.join('\n')}
</tbody></table></div>`;
}

const cells = (...values: string[]) => values.map((value) => `<td>${value}</td>`).join('');

/** A bar with its value beside it; a fraction above 1 is drawn full. */
const bar = (fraction: number, text: string, color: number) =>
  `<td class="bar"><span style="width:${(6 * Math.min(1, fraction)).toFixed(2)}rem;background:var(--c${color})"></span><i>${text}</i></td>`;

function kernelSection(kernels: readonly KernelRow[], roofs: Roofs): string {
  const rows = kernels.map((row) => {
    const uses = row.models ? ` <span class="faint">${escapeHtml(usersOf(row.models))}</span>` : '';
    return `<tr><td>${escapeHtml(row.id)}${uses}</td>${bar(row.roof, percent(row.roof), groupOf(row))}${cells(
      row.bound,
      milliseconds(row.ms),
      row.flops > 0 ? digits(row.gflops) : '',
      digits(row.gbs),
    )}</tr>`;
  });
  return `<h2>Kernels against the roofs</h2>
<p>The slanted line is the fastest copy, the level one the fastest multiply-adds; the dashed line is the fastest copy by a
kernel. No kernel gets above them, unless its data stay in a cache. Bytes are the least traffic: each input read once, each output written once.</p>
<div class="wide">${rooflineChart(kernels, roofs)}</div>
${tableOf(['kernel', 'of the roof', 'bound by', 'ms: median (quartiles)', 'GFLOP/s', 'GB/s'], rows)}`;
}

function stepSection(steps: readonly StepRow[]): string {
  const most = Math.max(...steps.map(({ captured }) => captured.imagesPerSecond));
  const rows = steps.flatMap((row) => {
    const line = (
      label: string,
      { imagesPerSecond, ms, launches, hostMs }: StepRow['captured'],
      rest: string[],
      color: number,
    ) =>
      `<tr><td>${label}</td>${bar(imagesPerSecond / most, digits(imagesPerSecond), color)}${cells(milliseconds(ms), `${launches}`, digits(hostMs), ...rest)}</tr>`;
    const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1);
    return [
      line(
        `${escapeHtml(row.id)}, batch ${row.batchSize}, captured`,
        row.captured,
        [
          row.gpuMs === undefined ? '' : digits(row.gpuMs),
          `${megabytes(row.plannedBytes)} of ${megabytes(row.liveSetBytes)}`,
        ],
        0,
      ),
      line('<span class="faint">eager</span>', row.eager, ['', ''], 4),
    ];
  });
  return `<h2>Training steps</h2>
<p>Memory: bytes planned for temporaries, and the largest set of them alive at once, which no plan can do without.</p>
${tableOf(['model', 'images/s', 'ms: median (quartiles)', 'launches', 'host ms', 'GPU ms', 'MB planned of needed'], rows)}`;
}

function hostSection(host: readonly HostRow[]): string {
  const most = Math.max(...host.map(({ eagerMs }) => eagerMs.median));
  const rows = host.flatMap(({ id, ms, eagerMs, launches, chain }) => [
    `<tr><td>${escapeHtml(id)}, captured</td>${bar(ms.median / most, '', 0)}${cells(milliseconds(ms), `${launches}`, `${chain}`)}</tr>`,
    `<tr><td><span class="faint">eager</span></td>${bar(eagerMs.median / most, '', 4)}${cells(milliseconds(eagerMs), '', '')}</tr>`,
  ]);
  return `<h2>Host time of a step</h2>
<p>On a backend that runs nothing: what the step costs JavaScript and Dawn alone.</p>
${tableOf(['model', '', 'ms: median (quartiles)', 'launches', 'longest chain'], rows)}`;
}

function peerSection(peers: readonly PeerRow[]): string {
  const rows = peers.flatMap(({ id, placements, absent }) => {
    const slowest = Math.max(...placements.map(({ ms }) => ms.median));
    return [
      `<tr class="task"><td colspan="5">${escapeHtml(id)}</td></tr>`,
      ...placements.map(
        ({ peer, version, ms, ratio, agrees }, k) =>
          `<tr><td>${escapeHtml(peer)} <span class="faint">${escapeHtml(version)}</span></td>${bar(ms.median / slowest, '', k === 0 ? 0 : 4)}${cells(
            milliseconds(ms),
            `${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)} to ${ratio.high.toFixed(2)})`,
            agrees ? 'same' : '<span class="bad">differs</span>',
          )}</tr>`,
      ),
      ...absent.map(
        ({ peer, reason }) =>
          `<tr><td colspan="5" class="faint">${escapeHtml(`${peer} did not take part: ${reason}`)}</td></tr>`,
      ),
    ];
  });
  return `<h2>Peers</h2>
<p>In turns, on the same adapter and numbers (PyTorch on the CPU). Ratios are of times in the same round: above 1, Tapegrad was faster.</p>
${tableOf(['task', '', 'ms: median (quartiles)', "times Tapegrad's", 'result'], rows)}`;
}
