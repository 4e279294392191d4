import { Scroller } from '../ui/scroller.tsx';
import { toAddress } from './experiment.ts';
import type { Run, TrainStore } from './store.ts';

const STATES: Record<Run['state'], string> = {
  stored: 'kept',
  preparing: 'starting',
  running: 'running',
  pausing: 'pausing',
  paused: 'paused',
  done: 'done',
  failed: 'failed',
  recorded: 'recorded',
};

/** Whether a click is the browser's to answer, with a tab or a window of its own. */
const opensBeside = ({ ctrlKey, metaKey, shiftKey, altKey }: MouseEvent) =>
  ctrlKey || metaKey || shiftKey || altKey;

/** All runs: what they were made from, how far they came, and what can be done with them. */
export function RunsTable({
  store,
  canTrain,
  onGo,
  onSave,
  onKeep,
  onExplore,
}: {
  store: TrainStore;
  canTrain: boolean;
  onGo: (run: Run) => void;
  onSave: (run: Run, what: 'run' | 'weights') => void;
  /** Keeps the run, for a page that opens beside this one. */
  onKeep: (run: Run) => void;
  /** Keeps the run, then goes to `address`. */
  onExplore: (run: Run, address: string) => void;
}) {
  const { runs, current, active } = store;
  return (
    <section class="card wide" aria-labelledby="runs-title">
      <h2 id="runs-title">Runs</h2>
      {runs.length === 0 ? (
        <p class="hint empty">Your runs appear here, and are kept for your next visit.</p>
      ) : (
        <Scroller label="All runs">
          <table id="runs">
            <thead>
              <tr>
                <th scope="col">Curve</th>
                <th scope="col">Run</th>
                <th scope="col">State</th>
                <th scope="col" class="number">
                  Steps
                </th>
                <th scope="col" class="number">
                  Loss
                </th>
                <th scope="col" class="number">
                  Test loss
                </th>
                <th scope="col" class="number">
                  ELBO, nats
                </th>
                <th scope="col">
                  <span class="visually-hidden">What to do</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {runs.map((run) => {
                const last = run.epochs.at(-1);
                const isHeld = run === active && store.isTraining;
                const address = `../explore/?run=${run.id}`;
                const hasFiles = run.files !== undefined || (run === active && run.info !== undefined);
                return (
                  <tr key={run.id} aria-current={run === current ? 'true' : undefined}>
                    <td>
                      <label class="check">
                        <input
                          type="checkbox"
                          checked={run.shown}
                          aria-label={`Show the curve of ${run.name}`}
                          onChange={(event) => {
                            run.shown = event.currentTarget.checked;
                            store.changed();
                          }}
                        />
                        <span class="swatch" style={{ background: `var(--class-${run.color})` }} />
                      </label>
                    </td>
                    <td>
                      <button
                        type="button"
                        class="plain name"
                        aria-pressed={run === current}
                        onClick={() => store.show(run)}
                      >
                        {run.name}
                      </button>
                      {run.betas.map(({ step, value }) => (
                        <div class="hint" key={step}>
                          β {value} from step {step}
                        </div>
                      ))}
                    </td>
                    <td>{STATES[run.state]}</td>
                    <td class="number">{(run.curve.steps.at(-1) ?? 0).toLocaleString('en')}</td>
                    <td class="number">{run.curve.metrics.loss?.at(-1)?.toPrecision(4) ?? '–'}</td>
                    <td class="number">{last?.test.loss?.toPrecision(4) ?? '–'}</td>
                    <td class="number">{last?.elbo?.toFixed(1).replace('-', '−') ?? '–'}</td>
                    <td>
                      <div class="row tight">
                        {canTrain && !isHeld && run.files && run.state !== 'recorded' && (
                          <button type="button" onClick={() => onGo(run)}>
                            Go on
                          </button>
                        )}
                        {hasFiles && (
                          <>
                            <button
                              type="button"
                              onClick={() => onSave(run, 'run')}
                              title="A run folder for Node, zipped"
                            >
                              Save run
                            </button>
                            <button type="button" onClick={() => onSave(run, 'weights')}>
                              Save weights
                            </button>
                          </>
                        )}
                        {hasFiles && run.state !== 'recorded' && run.experiment.data === 'mnist' && (
                          <a
                            class="button"
                            href={address}
                            onClick={(event) => {
                              if (opensBeside(event)) return onKeep(run);
                              event.preventDefault();
                              onExplore(run, address);
                            }}
                            // The middle button, and the right one, whose menu opens tabs, too.
                            onAuxClick={() => onKeep(run)}
                          >
                            Explore
                          </a>
                        )}
                        <a
                          class="button"
                          href={toAddress(run.experiment)}
                          title="The settings of this run, as an address"
                        >
                          Settings
                        </a>
                        {!isHeld && (
                          <button
                            type="button"
                            aria-label={`Remove ${run.name}`}
                            onClick={() => store.remove(run)}
                          >
                            Remove
                          </button>
                        )}
                      </div>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </Scroller>
      )}
    </section>
  );
}
