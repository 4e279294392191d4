import { useEffect, useRef } from 'preact/hooks';
import { useTheme } from '../ui/theme.ts';
import { drawTensor } from './draw-tensor.ts';
import type { LayerSubject, LayerView } from './protocol.ts';
import type { Run, TrainStore } from './store.ts';

const SUBJECTS: readonly LayerSubject[] = ['activations', 'weights', 'gradients'];

/** A tensor of the model as an image, while it trains; and how large each parameter's gradient is. */
export function LayerPanel({ store, run }: { store: TrainStore; run: Run | undefined }) {
  const layers = run?.info?.layers;
  const { wish } = store;
  const subject = wish?.subject ?? 'weights';
  const names = layers?.[subject] ?? [];
  const choose = (chosen: LayerSubject, name?: string) => {
    const list = layers?.[chosen] ?? [];
    const found =
      name && list.includes(name) ? name : list.find((one) => wish && one.startsWith(stem(wish.name)));
    const picked = found ?? list[0];
    store.look(picked ? { subject: chosen, name: picked } : undefined);
  };
  const view = run?.look?.layer;
  const isOfWish = view && wish && view.wish.name === wish.name && view.wish.subject === wish.subject;
  return (
    <section class="card wide" aria-labelledby="layers-title">
      <h2 id="layers-title">Inside</h2>
      <div class="inside">
        <div>
          <fieldset class="row" aria-label="What to show">
            {SUBJECTS.map((one) => (
              <button
                key={one}
                type="button"
                aria-pressed={wish !== undefined && one === subject}
                disabled={!layers}
                onClick={() => choose(one, wish?.name)}
              >
                {one}
              </button>
            ))}
            <label class="row grow">
              <span class="visually-hidden">Layer</span>
              <select
                id="layer"
                disabled={!layers}
                value={wish?.name ?? ''}
                onChange={(event) => choose(subject, event.currentTarget.value)}
              >
                {!wish && <option value="">choose a layer</option>}
                {names.map((name) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          </fieldset>
          {view && isOfWish ? (
            <LayerImage view={view} pixels={imageOf(run)} />
          ) : (
            <p class="hint empty">
              {wish && run?.info
                ? 'It appears with the next look at the model.'
                : "Any layer's activations for a test image, its weights or its last gradient, as an image."}
            </p>
          )}
        </div>
        <div>
          <h3>Gradient norms</h3>
          {run?.look?.norms?.length ? (
            <Norms norms={run.look.norms} />
          ) : (
            <p class="hint empty">How large each parameter's gradient is, on a logarithmic scale.</p>
          )}
        </div>
      </div>
    </section>
  );
}

/** `encoder.0` of `encoder.0.weight`. */
const stem = (name: string) => name.replace(/\.(weight|bias)$/, '');

const imageOf = (run: Run | undefined) => run?.look?.samples?.shape ?? [1, 28, 28];

function LayerImage({ view, pixels }: { view: LayerView; pixels: readonly number[] }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const theme = useTheme();
  useEffect(() => {
    if (canvas.current) drawTensor(canvas.current, view, pixels);
  }, [view, theme]);
  const { wish, shape, least, most, norm } = view;
  const text = `${wish.subject} of ${wish.name}, [${shape.join(', ')}], ${least.toPrecision(3)} to ${most.toPrecision(3)}, norm ${norm.toPrecision(3)}`;
  return (
    <>
      <canvas class="tiles layer" ref={canvas} role="img" aria-label={text} />
      <p class="hint">
        [{shape.join(', ')}], from <span class="negative">{least.toPrecision(3)}</span> to{' '}
        <span class="positive">{most.toPrecision(3)}</span>, norm {norm.toPrecision(3)}.
      </p>
    </>
  );
}

function Norms({ norms }: { norms: readonly (readonly [string, number])[] }) {
  const positive = norms.map(([, norm]) => norm).filter((norm) => norm > 0);
  const [low, high] = [Math.log10(Math.min(...positive)) - 0.3, Math.log10(Math.max(...positive))];
  const share = (norm: number) => (norm > 0 ? (100 * (Math.log10(norm) - low)) / (high - low || 1) : 0);
  return (
    <dl class="bars">
      {norms.map(([name, norm]) => (
        <div class="contents" key={name}>
          <dt>{name}</dt>
          <dd class="bar" aria-hidden="true">
            <span style={{ width: `${share(norm).toFixed(1)}%` }} />
          </dd>
          <dd>{norm === 0 ? '0' : norm.toExponential(1)}</dd>
        </div>
      ))}
    </dl>
  );
}
