import { useEffect, useRef } from 'preact/hooks';
import { Picture } from './code-panel.tsx';
import type { ExploreStore } from './store.ts';
import { asDigit } from './view.ts';

const SIZE = 280;

/** Draw a digit: its code, what becomes of it, and the test images that are nearest. */
export function DrawPanel({ store }: { store: ExploreStore }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const last = useRef<[number, number] | null>(null);
  const opened = store.opened!;
  const { encoded, input } = store;
  useEffect(() => {
    const context = canvas.current!.getContext('2d', { willReadFrequently: true })!;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.lineWidth = 24;
    context.strokeStyle = '#fff';
  }, []);
  const place = (event: PointerEvent): [number, number] => {
    const box = canvas.current!.getBoundingClientRect();
    return [((event.clientX - box.left) / box.width) * SIZE, ((event.clientY - box.top) / box.height) * SIZE];
  };
  const stroke = (event: PointerEvent) => {
    if (!last.current) return;
    const context = canvas.current!.getContext('2d')!;
    const to = place(event);
    context.beginPath();
    context.moveTo(...last.current);
    context.lineTo(...to);
    context.stroke();
    last.current = to;
  };
  const finish = (event: PointerEvent) => {
    if (!last.current) return;
    stroke(event);
    last.current = null;
    const digit = asDigit(canvas.current!);
    if (digit) void store.encode(digit);
  };
  const clear = () => {
    canvas.current!.getContext('2d')!.clearRect(0, 0, SIZE, SIZE);
  };
  const size = opened.shape[0] * opened.shape[1] * opened.shape[2];
  return (
    <section class="card" aria-labelledby="draw-title">
      <h2 id="draw-title">Draw a digit</h2>
      <div class="drawing">
        <div>
          <canvas
            id="drawing"
            class="drawing-pad"
            ref={canvas}
            width={SIZE}
            height={SIZE}
            role="img"
            aria-label="A place to draw a digit with the mouse or a finger. By keyboard, choose one of the test images below."
            onPointerDown={(event) => {
              event.currentTarget.setPointerCapture(event.pointerId);
              last.current = place(event);
              stroke(event);
            }}
            onPointerMove={stroke}
            onPointerUp={finish}
            onPointerCancel={() => {
              last.current = null;
            }}
          />
          <div class="row">
            <button type="button" onClick={clear}>
              Clear
            </button>
          </div>
        </div>
        <div class="results" aria-live="polite">
          {encoded && input ? (
            <>
              <figure>
                <Picture pixels={input} store={store} label="The digit as the model sees it" />
                <figcaption>as MNIST has it</figcaption>
              </figure>
              <figure>
                <Picture
                  pixels={encoded.reconstruction}
                  store={store}
                  label="The model's reconstruction of it"
                  id="reconstruction"
                />
                <figcaption>reconstruction</figcaption>
              </figure>
              <figure class="wide">
                <div class="neighbours">
                  {encoded.neighbours.map((index) => (
                    <Picture
                      key={index}
                      pixels={opened.images}
                      at={index}
                      store={store}
                      label={`Test image ${index}${opened.labels ? `, a ${opened.labels[index]}` : ''}`}
                    />
                  ))}
                </div>
                <figcaption id="neighbours">
                  nearest codes
                  {opened.labels && `: ${encoded.neighbours.map((index) => opened.labels![index]).join(' ')}`}
                </figcaption>
              </figure>
              {opened.isVector && (
                <p class="hint wide" id="code-text">
                  code{' '}
                  {Array.from(encoded.code.subarray(0, 8), (value) =>
                    value.toFixed(2).replace('-', '−'),
                  ).join(', ')}
                  {encoded.code.length > 8 && ' …'}
                  {encoded.sigma &&
                    `; σ ${Array.from(encoded.sigma.subarray(0, 8), (value) => value.toFixed(2)).join(', ')}`}
                </p>
              )}
            </>
          ) : (
            <p class="hint wide">
              Its code, its reconstruction and its neighbours among the test images appear here.
            </p>
          )}
        </div>
      </div>
      <fieldset class="digits">
        <legend>or take a test image</legend>
        {opened.heldOut.map((index) => (
          <button
            key={index}
            type="button"
            class="digit"
            aria-label={`Encode the ${opened.labels?.[index] ?? `image ${index}`}`}
            onClick={() => void store.encode(opened.images.slice(index * size, (index + 1) * size))}
          >
            <Picture pixels={opened.images} store={store} at={index} label="" />
          </button>
        ))}
      </fieldset>
    </section>
  );
}
