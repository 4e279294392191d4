import { useState } from 'preact/hooks';
import { type Curve, Curves } from '../ui/curves.tsx';
import type { Run } from './store.ts';

/** Points of a curve that a screen can show. */
const POINTS = 1500;
/** Dots that can be told apart. */
const DOTS = 60;

/** A metric of all runs that are shown, over each other. */
export function CurvesPanel({ runs, current }: { runs: readonly Run[]; current: Run | undefined }) {
  const [metric, setMetric] = useState('loss');
  const [logarithmic, setLogarithmic] = useState(false);
  const visible = runs.filter((run) => run.shown || run === current);
  const names = [...new Set(visible.flatMap((run) => Object.keys(run.curve.metrics)))];
  const chosen = names.includes(metric) ? metric : 'loss';
  const curves = visible.flatMap((run) => curvesOf(run, chosen, run === current));
  const isPositive = curves.every(({ y }) => y.every((value) => value > 0));
  return (
    <section class="card" aria-labelledby="curves-title">
      <div class="row head">
        <h2 id="curves-title">Curves</h2>
        <label class="row">
          <span class="visually-hidden">Metric</span>
          <select id="metric" value={chosen} onChange={(event) => setMetric(event.currentTarget.value)}>
            {(names.length > 0 ? names : ['loss']).map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <label class="row">
          <input
            type="checkbox"
            checked={logarithmic}
            onChange={(event) => setLogarithmic(event.currentTarget.checked)}
          />
          logarithmic
        </label>
      </div>
      {curves.length === 0 ? (
        <p class="hint empty">
          A run's curves appear here: a line for the training batches, a dot for the test set after each
          epoch.
        </p>
      ) : (
        <>
          <Curves
            curves={curves}
            logarithmic={logarithmic && isPositive}
            label={visible.map((run) => `${run.name}: ${sentence(run, chosen)}`).join('. ')}
          />
          <div class="legend">
            {visible.map((run) => (
              <span key={run.id}>
                <span class="swatch" style={{ background: `var(--class-${run.color})` }} />
                {run.name}
              </span>
            ))}
            <span>line: training batches; dots: test set</span>
          </div>
        </>
      )}
    </section>
  );
}

function curvesOf(run: Run, metric: string, isCurrent: boolean): Curve[] {
  const y = run.curve.metrics[metric];
  const color = `class-${run.color}`;
  const { steps } = run.curve;
  if (!y || y.length === 0) return [];
  const tests = thinned(
    run.epochs.filter(({ test }) => test[metric] !== undefined),
    DOTS,
  );
  const x = thinned(steps.slice(0, y.length), POINTS);
  return [
    { name: run.name, color, x, y: thinned(y, POINTS), thin: !isCurrent },
    ...(tests.length > 0
      ? [
          {
            name: `${run.name}, test`,
            color,
            dots: true,
            x: tests.map(({ step }) => step),
            y: tests.map(({ test }) => test[metric]!),
          },
        ]
      : []),
  ];
}

/** About so many of the values at most, the last one among them. */
function thinned<T>(values: readonly T[], most: number): T[] {
  const every = Math.ceil(values.length / most);
  return values.filter((_, i) => i % every === 0 || i === values.length - 1);
}

function sentence({ curve, epochs }: Run, metric: string): string {
  const values = curve.metrics[metric] ?? [];
  if (values.length === 0) return 'no steps yet';
  const test = epochs.at(-1)?.test[metric];
  return `${metric} from ${values[0]!.toPrecision(3)} to ${values.at(-1)!.toPrecision(3)} in ${curve.steps.at(-1)} steps${test === undefined ? '' : `, ${test.toPrecision(3)} on the test set`}`;
}
