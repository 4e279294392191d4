import { render } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import type { StoredRun } from '../data/run-store.ts';
import { FileButton, RUN_FILES } from '../ui/file-button.tsx';
import { Shell } from '../ui/shell.tsx';
import { NoWebGPU, type Support, webgpuSupport } from '../ui/webgpu.tsx';
import { Controls } from './controls.tsx';
import { CurvesPanel } from './curves-panel.tsx';
import { describe, fromAddress, toAddress } from './experiment.ts';
import { download, droppedFiles, readFiles, scaleImages, zipRun } from './files.ts';
import { LayerPanel } from './layer-panel.tsx';
import { Pictures } from './pictures.tsx';
import type { OwnImages, RunFiles } from './protocol.ts';
import { decodeRecorded } from './recorded.ts';
import { configOf } from './run-config.ts';
import { RunsTable } from './runs-table.tsx';
import { isComplete, Settings } from './settings.tsx';
import { type Run, TrainStore } from './store.ts';
import './train.css';

const store = new TrainStore(
  () => new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'training' }),
);

/** Asks before a page goes away on which something trains. */
const stay = (event: BeforeUnloadEvent) => {
  if (store.isTraining) event.preventDefault();
};

function Train() {
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const [support, setSupport] = useState<Support>('checking');
  const [experiment, setExperiment] = useState(() => fromAddress(location.search));
  const [own, setOwn] = useState<OwnImages>();
  const [colour, setColour] = useState({ size: 28, channels: 1 as 1 | 3 });
  const [problem, setProblem] = useState('');
  const [reading, setReading] = useState('');
  const [isOver, setIsOver] = useState(false);

  useEffect(() => store.subscribe(() => changed(0)), []);
  useEffect(() => {
    void webgpuSupport().then(async (found) => {
      setSupport(found);
      await store.restore();
      if (found !== 'yes') store.add(await recorded());
    });
  }, []);
  useEffect(() => {
    if (isComplete(experiment)) history.replaceState(null, '', toAddress(experiment));
  }, [experiment]);

  const attempt = async (work: () => Promise<unknown>) => {
    setProblem('');
    try {
      await work();
    } catch (error) {
      setProblem((error as Error).message);
    }
  };
  const takeFiles = (files: File[] | Promise<File[]>) =>
    attempt(async () => {
      const { run, images } = await readFiles(await files);
      const progress = (done: number) =>
        setReading(`scaling images: ${done.toLocaleString('en')} of ${images.length.toLocaleString('en')}`);
      const scaled = images.length > 0 ? await scaleImages(images, colour, progress) : undefined;
      if (scaled) setOwn(scaled);
      if (run) loadRun(run, scaled ?? own);
    }).finally(() => setReading(''));
  const loadRun = (files: RunFiles, images: OwnImages | undefined) => {
    const config = files['config.json'] && configOf(files['config.json']);
    if (!config && !files['weights.safetensors'])
      throw new Error(
        'a run needs its config.json, or weights.safetensors for the model that is chosen here',
      );
    const model = config?.model ?? experiment.model;
    const options = config ? {} : experiment.options;
    const run = store.start({ ...experiment, model, options }, images, files);
    if (config) run.name = `${describe({ ...experiment, model, options: {} })}, loaded`;
  };
  const save = (run: Run, what: 'run' | 'weights') =>
    attempt(async () => {
      const files = await store.files(run);
      if (what === 'run') download(`${run.name.replace(/[^a-z0-9.-]+/gi, '-')}.zip`, zipRun(run.name, files));
      else download('weights.safetensors', files['weights.safetensors']!);
    });
  const explore = (run: Run, address: string) =>
    attempt(async () => {
      // Where nothing is lost by it, nobody has to be asked.
      if (await store.keep(run)) removeEventListener('beforeunload', stay);
      location.assign(address);
    });
  useEffect(() => addEventListener('beforeunload', stay), []);
  useEffect(() => {
    const over = (event: DragEvent) => {
      event.preventDefault();
      setIsOver(true);
    };
    const leave = () => setIsOver(false);
    const drop = (event: DragEvent) => {
      event.preventDefault();
      setIsOver(false);
      if (event.dataTransfer) void takeFiles(droppedFiles(event.dataTransfer));
    };
    const listeners = { dragover: over, dragleave: leave, drop } as const;
    for (const [name, listener] of Object.entries(listeners))
      addEventListener(name, listener as EventListener);
    return () => {
      for (const [name, listener] of Object.entries(listeners))
        removeEventListener(name, listener as EventListener);
    };
  });
  const { current } = store;
  const canTrain = support === 'yes';
  return (
    <Shell page="train">
      <div class={isOver ? 'drop-target' : ''}>
        <h1>Train an autoencoder in this page</h1>
        <p class="lead">
          Every operation is a hand-written WebGPU kernel, the same as in Node, and gives the same bytes on
          the same adapter. Nothing leaves your machine.
        </p>
        {!canTrain && support !== 'checking' && (
          <NoWebGPU support={support}>So nothing can be trained here. Below is a recorded run.</NoWebGPU>
        )}
        {problem && (
          <div class="note bad" role="alert">
            <p>{problem}</p>
          </div>
        )}
        {reading && (
          <div class="note" role="status">
            <p>{reading}</p>
          </div>
        )}
        <div class="visually-hidden" role="status" aria-live="polite">
          {store.announcement}
        </div>
        <div class="train">
          <div class="side">
            <section class="card" aria-label="Settings and controls">
              <Settings
                experiment={experiment}
                own={own}
                onChange={setExperiment}
                onFiles={takeFiles}
                onMnist={() => setOwn(undefined)}
                scaling={colour}
                onScaling={setColour}
              />
              <Controls
                store={store}
                canStart={canTrain && isComplete(experiment)}
                onStart={() => {
                  setProblem('');
                  store.start(experiment, own);
                }}
              />
              <FileButton id="load" accept={RUN_FILES} disabled={!canTrain} onFiles={takeFiles}>
                Load a run or weights
              </FileButton>
            </section>
          </div>
          <div class="panels">
            <CurvesPanel runs={store.runs} current={current} />
            <Pictures run={current} />
            <LayerPanel store={store} run={current} />
          </div>
        </div>
        <RunsTable
          store={store}
          canTrain={canTrain}
          onGo={(run) => store.go(run, own)}
          onSave={save}
          onKeep={(run) => attempt(() => store.keep(run))}
          onExplore={explore}
        />
      </div>
    </Shell>
  );
}

/** A run that was trained in Node, for those who cannot train here. */
async function recorded(): Promise<StoredRun> {
  const response = await fetch(new URL('../recorded/train.json', location.href));
  return decodeRecorded(await response.json());
}

render(<Train />, document.getElementById('app')!);
