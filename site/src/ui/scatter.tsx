import { useEffect, useRef } from 'preact/hooks';
import type { Scatter as Points } from '../train/protocol.ts';
import { classColor, cssColor, useTheme } from './theme.ts';

const SIZE = 320;
/** Pixels of the canvas for each pixel of `SIZE`: the plot may be shown larger. */
const RATIO = 2;
const MARGIN = 26;

/** Codes in two latent dimensions, coloured by class. */
export function Scatter({ scatter }: { scatter: Points }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    if (canvas.current) draw(canvas.current, scatter);
  }, [scatter, theme]);
  const [first, second] = scatter.dimensions;
  const count = scatter.points.length / 2;
  const text = `${count} test images by the means of their codes, latent dimension ${first} to the right${second === undefined ? '' : `, ${second} upwards`}, coloured by class`;
  return (
    <>
      <canvas class="scatter" ref={canvas} role="img" aria-label={text} />
      {scatter.labels && <ClassLegend />}
    </>
  );
}

export function ClassLegend() {
  return (
    <div class="legend" aria-hidden="true">
      {Array.from({ length: 10 }, (_, i) => (
        <span key={i}>
          <span class="swatch" style={{ background: `var(--class-${i})` }} />
          {i}
        </span>
      ))}
    </div>
  );
}

function draw(canvas: HTMLCanvasElement, { points, labels, dimensions }: Points): void {
  canvas.width = SIZE * RATIO;
  canvas.height = SIZE * RATIO;
  const context = canvas.getContext('2d')!;
  context.scale(RATIO, RATIO);
  context.fillStyle = cssColor('card');
  context.fillRect(0, 0, SIZE, SIZE);
  let far = 1;
  for (const value of points) if (Number.isFinite(value)) far = Math.max(far, Math.abs(value));
  const scale = (SIZE / 2 - MARGIN) / far;
  const x = (value: number) => SIZE / 2 + value * scale;
  const y = (value: number) => SIZE / 2 - value * scale;
  context.strokeStyle = cssColor('line');
  context.fillStyle = cssColor('soft');
  context.font = '11px system-ui, sans-serif';
  context.lineWidth = 1;
  const step = far > 6 ? Math.ceil(far / 4) : far > 2.5 ? 2 : 1;
  for (let at = -Math.floor(far / step) * step; at <= far; at += step) {
    context.beginPath();
    context.moveTo(x(at), 8);
    context.lineTo(x(at), SIZE - 18);
    context.moveTo(18, y(at));
    context.lineTo(SIZE - 8, y(at));
    context.stroke();
    context.textAlign = 'center';
    context.fillText(String(at).replace('-', '−'), x(at), SIZE - 5);
    context.textAlign = 'left';
    context.fillText(String(at).replace('-', '−'), 2, y(at) + 4);
  }
  context.textAlign = 'right';
  context.fillText(`z${dimensions[0]} →`, SIZE - 4, SIZE - 22);
  if (dimensions[1] !== undefined) {
    context.textAlign = 'left';
    context.fillText(`z${dimensions[1]} ↑`, 22, 14);
  }
  const colors = Array.from({ length: 10 }, (_, i) => classColor(i));
  for (let i = 0; i < points.length / 2; i++) {
    context.fillStyle = labels ? colors[labels[i]! % 10]! : cssColor('accent');
    context.beginPath();
    context.arc(x(points[2 * i]!), y(points[2 * i + 1]!), 2.4, 0, 2 * Math.PI);
    context.fill();
  }
}
