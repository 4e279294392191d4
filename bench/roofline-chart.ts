import type { KernelRow } from './kernels/measure.ts';
import { escapeHtml, GROUPS, groupOf } from './page-parts.ts';
import { digits, percent } from './report.ts';
import type { Roofs } from './roofline.ts';

const WIDTH = 1000;
const HEIGHT = 520;
const FRAME = { left: 70, right: 20, top: 56, bottom: 50 };

/** A logarithmic axis from `low` to `high` in steps of ten, over some pixels. */
function logAxis(low: number, high: number, from: number, to: number) {
  const [start, end] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const place = (value: number) => from + ((Math.log10(value) - start) / (end - start)) * (to - from);
  const ticks = Array.from({ length: end - start + 1 }, (_, k) => 10 ** (start + k));
  return { place, ticks, low: 10 ** start, high: 10 ** end };
}

const tickText = (value: number) =>
  value >= 1 ? value.toLocaleString('en-US').replaceAll(',', ' ') : `${Number(value.toPrecision(1))}`;

/** The roofline chart (Williams, Waterman and Patterson 2009) as SVG: arithmetic intensity against speed, both logarithmic. */
export function rooflineChart(
  kernels: readonly KernelRow[],
  { bandwidth, kernelBandwidth, compute }: Roofs,
): string {
  const points = kernels
    .filter(({ flops }) => flops > 0)
    .map((row) => ({ row, x: row.flops / row.bytes, y: row.gflops }));
  if (points.length === 0) return '';
  const ridge = compute.rate / bandwidth.rate;
  const xs = [...points.map(({ x }) => x), ridge];
  const ys = [...points.map(({ y }) => y), compute.rate];
  const x = logAxis(Math.min(...xs), Math.max(...xs) * 1.01, FRAME.left, WIDTH - FRAME.right);
  const y = logAxis(Math.min(...ys), Math.max(...ys) * 1.01, HEIGHT - FRAME.bottom, FRAME.top);
  const roof = (rate: number, style: string) => {
    const start = Math.max(x.low, y.low / rate);
    const corner = compute.rate / rate;
    const corners = [start, Math.min(corner, x.high), x.high].map(
      (at) => `${x.place(at).toFixed(1)},${y.place(Math.min(at * rate, compute.rate)).toFixed(1)}`,
    );
    return `<polyline points="${corners.join(' ')}" fill="none" stroke="var(--text)" ${style}/>`;
  };
  const grid = [
    ...x.ticks.map(
      (tick) =>
        `<line x1="${x.place(tick)}" x2="${x.place(tick)}" y1="${FRAME.top}" y2="${HEIGHT - FRAME.bottom}" stroke="var(--line)"/>` +
        `<text class="faint" x="${x.place(tick)}" y="${HEIGHT - FRAME.bottom + 18}" text-anchor="middle">${tickText(tick)}</text>`,
    ),
    ...y.ticks.map(
      (tick) =>
        `<line x1="${FRAME.left}" x2="${WIDTH - FRAME.right}" y1="${y.place(tick)}" y2="${y.place(tick)}" stroke="var(--line)"/>` +
        `<text class="faint" x="${FRAME.left - 8}" y="${y.place(tick) + 4}" text-anchor="end">${tickText(tick)}</text>`,
    ),
  ];
  const dots = points.map(({ row, x: intensity, y: speed }) => {
    const title = `${row.id}: ${digits(speed)} GFLOP/s, ${digits(row.gbs)} GB/s, ${percent(row.roof)} of the roof`;
    return `<circle cx="${x.place(intensity).toFixed(1)}" cy="${y.place(speed).toFixed(1)}" r="5" fill="var(--c${groupOf(row)})" fill-opacity=".8" stroke="var(--page)"><title>${escapeHtml(title)}</title></circle>`;
  });
  const shown = [...new Set(points.map(({ row }) => groupOf(row)))].sort((a, b) => a - b);
  // About 7 pixels a letter, with room to spare.
  let at = FRAME.left;
  const legend = shown.map((group) => {
    const { short } = GROUPS[group]!;
    const entry = `<circle cx="${at + 8}" cy="18" r="5" fill="var(--c${group})"/><text x="${at + 18}" y="22">${escapeHtml(short)}</text>`;
    at += 40 + 7.5 * short.length;
    return entry;
  });
  return `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Roofline chart: speed of every kernel against its arithmetic intensity">
${grid.join('\n')}
${roof(bandwidth.rate, 'stroke-width="2"')}
${kernelBandwidth.probe === bandwidth.probe ? '' : roof(kernelBandwidth.rate, 'stroke-width="1" stroke-dasharray="5 4"')}
${dots.join('\n')}
${legend.join('\n')}
<text class="faint" x="${FRAME.left}" y="46">GFLOP/s</text>
<text class="faint" x="${(FRAME.left + WIDTH - FRAME.right) / 2}" y="${HEIGHT - 8}" text-anchor="middle">operations a byte</text>
</svg>`;
}
