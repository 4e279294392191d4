import { useEffect, useRef, useState } from 'preact/hooks';
import type { ExploreStore } from './store.ts';
import { drawImage, RANGE } from './view.ts';

/** The image that is shown, and a slider for each latent dimension. */
export function CodePanel({ store }: { store: ExploreStore }) {
  const opened = store.opened!;
  const { image, code } = store;
  return (
    <section class="card" aria-labelledby="code-title">
      <h2 id="code-title">The code and its image</h2>
      <div class="shown">
        <Picture pixels={image} store={store} label="The decoded image" id="decoded" />
        <p class="hint" id="frames">
          {store.framesPerSecond > 0
            ? `${store.framesPerSecond.toFixed(0)} images a second`
            : `On ${opened.adapter}`}
        </p>
      </div>
      <div class="row">
        {opened.isVector && (
          <button type="button" onClick={() => store.show(Float32Array.from(opened.center))}>
            Center
          </button>
        )}
        <button type="button" id="draw-prior" onClick={() => void store.draw()}>
          Draw from the prior
        </button>
      </div>
      {opened.isVector ? (
        <div class="sliders">
          {opened.order.map((d) => (
            <Slider key={d} store={store} dimension={d} value={code[d]!} />
          ))}
        </div>
      ) : (
        <p class="hint">
          A code of this model is a map of {opened.latentShape.join('×')} numbers, with no dimensions to move
          along: draw from its prior, or encode a digit.
        </p>
      )}
    </section>
  );
}

function Slider({ store, dimension, value }: { store: ExploreStore; dimension: number; value: number }) {
  const opened = store.opened!;
  const [center, scale] = [opened.center[dimension]!, opened.scale[dimension]! || 1];
  const at = (value - center) / scale;
  return (
    <label class="slider">
      <span>z{dimension}</span>
      <input
        type="range"
        min={-RANGE}
        max={RANGE}
        step={0.01}
        value={at}
        aria-valuetext={value.toFixed(2)}
        onInput={(event) => {
          const code = Float32Array.from(store.code);
          code[dimension] = center + event.currentTarget.valueAsNumber * scale;
          store.show(code);
        }}
      />
      <output>{value.toFixed(2).replace('-', '−')}</output>
      <span class="hint">
        {opened.weights[dimension]!.toFixed(2)} {opened.weightName}
      </span>
    </label>
  );
}

export function Picture({
  pixels,
  store,
  label,
  id,
  at = 0,
}: {
  pixels: Uint8Array | undefined;
  store: ExploreStore;
  /** Empty for one that only decorates. */
  label: string;
  id?: string;
  at?: number;
}) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    if (canvas.current && pixels) drawImage(canvas.current, pixels, store.opened!.shape, at);
  }, [pixels, at]);
  const words =
    label === '' ? { 'aria-hidden': true as const } : { role: 'img' as const, 'aria-label': label };
  return <canvas class="picture" id={id} ref={canvas} width={28} height={28} {...words} />;
}

/** From one held-out digit to another. */
export function InterpolationPanel({ store }: { store: ExploreStore }) {
  const opened = store.opened!;
  const [ends, setEnds] = useState<readonly [number, number]>([0, 1]);
  const [share, setShare] = useState(0);
  const codeOf = (i: number) => {
    const index = opened.heldOut[i]!;
    return opened.codes.subarray(index * opened.size, (index + 1) * opened.size);
  };
  const go = (t: number, [from, to] = ends) => {
    setShare(t);
    const [a, b] = [codeOf(from), codeOf(to)];
    store.show(Float32Array.from(a, (value, d) => (1 - t) * value + t * b[d]!));
  };
  const choose = (which: 0 | 1) => (
    <fieldset class="digits">
      <legend>{which === 0 ? 'from' : 'to'}</legend>
      {opened.heldOut.map((index, i) => (
        <button
          key={index}
          type="button"
          class="digit"
          aria-pressed={ends[which] === i}
          aria-label={`${which === 0 ? 'From' : 'To'} ${opened.labels?.[index] ?? i}`}
          onClick={() => {
            const chosen: readonly [number, number] = which === 0 ? [i, ends[1]] : [ends[0], i];
            setEnds(chosen);
            go(share, chosen);
          }}
        >
          <Picture pixels={opened.images} store={store} at={index} label="" />
        </button>
      ))}
    </fieldset>
  );
  return (
    <section class="card" aria-labelledby="between-title">
      <h2 id="between-title">Between two digits</h2>
      {choose(0)}
      {choose(1)}
      <label class="field">
        <span>{Math.round(100 * share)} % of the way</span>
        <input
          type="range"
          id="between"
          min={0}
          max={1}
          step={0.01}
          value={share}
          onInput={(event) => go(event.currentTarget.valueAsNumber)}
        />
      </label>
    </section>
  );
}
