import { useEffect, useRef } from 'preact/hooks';
import { ClassLegend } from '../ui/scatter.tsx';
import { classColor, useTheme } from '../ui/theme.ts';
import { type ExploreStore, GRID } from './store.ts';
import { codeAt, placeOf } from './view.ts';

const SIZE = 480;

/** The plane of two latent dimensions: what lies where, where the test images are, and the place that is shown. */
export function PlanePanel({ store }: { store: ExploreStore }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  const opened = store.opened!;
  const { plane, manifold, code } = store;
  useEffect(() => {
    if (canvas.current) draw(canvas.current, store);
  }, [manifold, plane, code, theme]);
  const [first, second] = plane;
  const moveTo = (x: number, y: number) => {
    const inside = (share: number) => Math.min(1, Math.max(0, share));
    store.show(codeAt(opened, store.code, plane, inside(x), inside(y)));
  };
  const onPointer = (event: PointerEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    moveTo((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  };
  const onKey = (event: KeyboardEvent) => {
    const steps: Record<string, [number, number]> = {
      ArrowLeft: [-1, 0],
      ArrowRight: [1, 0],
      ArrowUp: [0, -1],
      ArrowDown: [0, 1],
    };
    const step = steps[event.key];
    if (!step) return;
    event.preventDefault();
    const [x, y] = placeOf(opened, store.code, plane);
    const length = event.shiftKey ? 0.1 : 0.02;
    moveTo(x + step[0] * length, y + step[1] * length);
  };
  const dimension = (value: number | undefined, onChange: (value: number) => void, label: string) => (
    <label class="row small">
      {label}
      <select value={String(value)} onChange={(event) => onChange(Number(event.currentTarget.value))}>
        {opened.order.map((d) => (
          <option key={d} value={String(d)} disabled={d === first || d === second}>
            z{d}
          </option>
        ))}
      </select>
    </label>
  );
  return (
    <section class="card" aria-labelledby="plane-title">
      <div class="row head">
        <h2 id="plane-title">The plane</h2>
        {dimension(first, (d) => store.setPlane([d, second]), 'to the right')}
        {second !== undefined && dimension(second, (d) => store.setPlane([first, d]), 'upwards')}
      </div>
      <canvas
        id="plane"
        class="plane"
        ref={canvas}
        tabIndex={0}
        role="img"
        aria-label={`Decoded images over z${first}${second === undefined ? '' : ` and z${second}`}, with the codes of test images. The arrow keys move; so do the sliders.`}
        onPointerMove={(event) => (event.pointerType === 'mouse' || event.buttons > 0) && onPointer(event)}
        onPointerDown={onPointer}
        onKeyDown={onKey}
      />
      {opened.labels && <ClassLegend />}
      <p class="hint">
        Move the mouse over it, drag a finger, or use the arrow keys. Dots are test images, coloured by digit.
        The sliders set the other dimensions.{' '}
        <button type="button" class="plain" onClick={() => store.refreshManifold()}>
          Redraw it through the current code
        </button>
      </p>
    </section>
  );
}

function draw(canvas: HTMLCanvasElement, { opened, plane, manifold, code }: ExploreStore): void {
  if (!opened) return;
  const ratio = Math.min(2, devicePixelRatio || 1);
  if (canvas.width !== SIZE * ratio) {
    canvas.width = SIZE * ratio;
    canvas.height = SIZE * ratio;
  }
  const context = canvas.getContext('2d')!;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIZE, SIZE);
  if (manifold) context.drawImage(tilesOf(manifold, opened.shape), 0, 0, SIZE, SIZE);
  const colors = Array.from({ length: 10 }, (_, i) => classColor(i));
  const count = opened.codes.length / opened.size;
  for (let i = 0; i < count; i++) {
    const [x, y] = placeOf(opened, opened.codes.subarray(i * opened.size, (i + 1) * opened.size), plane);
    context.fillStyle = colors[(opened.labels?.[i] ?? 0) % 10]!;
    context.globalAlpha = 0.85;
    context.beginPath();
    context.arc(x * SIZE, y * SIZE, 2.2, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
  const [x, y] = placeOf(opened, code, plane);
  for (const [width, color] of [
    [5, '#000'],
    [2.5, '#fff'],
  ] as const) {
    context.lineWidth = width;
    context.strokeStyle = color;
    context.beginPath();
    context.arc(x * SIZE, y * SIZE, 9, 0, 2 * Math.PI);
    context.stroke();
  }
}

let drawn: { readonly of: Uint8Array; readonly canvas: HTMLCanvasElement } | undefined;

/** The grid's images, side by side; made once. */
function tilesOf(pixels: Uint8Array, [channels, height, width]: readonly [number, number, number]) {
  if (drawn?.of === pixels) return drawn.canvas;
  const canvas = document.createElement('canvas');
  canvas.width = GRID * width;
  canvas.height = GRID * height;
  const context = canvas.getContext('2d')!;
  const image = context.createImageData(canvas.width, canvas.height);
  const area = height * width;
  for (let i = 0; i < GRID * GRID; i++) {
    for (let k = 0; k < area; k++) {
      const row = Math.floor(i / GRID) * height + Math.floor(k / width);
      const to = 4 * (row * canvas.width + (i % GRID) * width + (k % width));
      for (let c = 0; c < 3; c++)
        image.data[to + c] = 0.8 * pixels[i * channels * area + (channels === 3 ? c * area : 0) + k]!;
      image.data[to + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
  drawn = { of: pixels, canvas };
  return canvas;
}
