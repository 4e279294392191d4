import { useState } from 'preact/hooks';
import type { Run, TrainStore } from './store.ts';

/** Starting, pausing, going on, and what the run does now. */
export function Controls({
  store,
  canStart,
  onStart,
}: {
  store: TrainStore;
  canStart: boolean;
  onStart: () => void;
}) {
  const run = store.active;
  const isBusy = store.isTraining;
  return (
    <>
      <div class="row">
        <button type="button" id="start" class="primary" disabled={!canStart} onClick={onStart}>
          {isBusy ? 'Start another' : 'Start'}
        </button>
        {run && isBusy && (
          <button type="button" id="pause" disabled={run.state !== 'running'} onClick={() => store.pause()}>
            {run.state === 'pausing' ? 'Pausing …' : 'Pause'}
          </button>
        )}
        {run?.state === 'paused' && (
          <button type="button" id="go" onClick={() => store.go(run)}>
            Go on
          </button>
        )}
        {run?.state === 'done' && run.info && (
          <button
            type="button"
            id="more"
            onClick={() => {
              store.epochs(run.info!.epochs + 5);
              store.go(run);
            }}
          >
            5 more epochs
          </button>
        )}
      </div>
      {run && <Status run={run} />}
      {run?.info?.beta !== undefined && ['running', 'paused', 'pausing'].includes(run.state) && (
        <Beta key={run.id} value={run.info.beta} onChange={(value) => store.beta(value)} />
      )}
    </>
  );
}

function Status({ run }: { run: Run }) {
  const { info, state, curve, progress, speed } = run;
  const last = curve.steps.length - 1;
  if (state === 'failed')
    return (
      <div class="note bad" role="alert">
        <p>{run.message}</p>
      </div>
    );
  if (state === 'preparing' || !info)
    return (
      <div class="status">
        <p>
          {run.message || 'starting'}
          {progress ? `, ${progress.done} of ${progress.total}` : ''} …
        </p>
        <progress aria-label="Preparing" value={progress?.done} max={progress?.total} />
      </div>
    );
  const step = last >= 0 ? curve.steps[last]! : 0;
  const total = info.epochs * info.stepsPerEpoch;
  return (
    <div class="status" id="status">
      <p>
        {state === 'done' ? 'Done: epoch' : 'Epoch'}{' '}
        {Math.min(run.epoch + (state === 'done' ? 0 : 1), info.epochs)} of {info.epochs}, step{' '}
        {step.toLocaleString('en')}
        {last >= 0 && `, loss ${curve.metrics.loss?.[last]?.toPrecision(4)}`}
      </p>
      <progress aria-label="Steps of the run" value={Math.min(step, total)} max={total} />
      <p class="hint">
        {speed > 0 && state === 'running' && `${Math.round(speed).toLocaleString('en')} images/s, `}
        {info.launches} launches a step, {info.parameters.toLocaleString('en')} parameters, {info.adapter}
        {info.isSoftware && ': a software adapter, which computes on the CPU'}
      </p>
    </div>
  );
}

/** β while it trains: 0 to 10, finer below 1. */
function Beta({ value, onChange }: { value: number; onChange: (value: number) => void }) {
  const [shown, setShown] = useState(value);
  const toSlider = (beta: number) => Math.sqrt(beta / 10);
  const fromSlider = (at: number) => Number((10 * at * at).toPrecision(2));
  return (
    <label class="field">
      <span>
        β from here on: <output>{shown}</output>
      </span>
      <input
        type="range"
        id="beta"
        min={0}
        max={1}
        step={0.01}
        value={toSlider(shown)}
        aria-valuetext={`β ${shown}`}
        onInput={(event) => setShown(fromSlider(event.currentTarget.valueAsNumber))}
        onChange={(event) => onChange(fromSlider(event.currentTarget.valueAsNumber))}
      />
    </label>
  );
}
