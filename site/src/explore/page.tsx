import { render } from 'preact';
import { useEffect, useReducer, useState } from 'preact/hooks';
import { keptRuns, type StoredRun } from '../data/run-store.ts';
import { droppedFiles, readFiles } from '../train/files.ts';
import { FileButton, RUN_FILES } from '../ui/file-button.tsx';
import { Shell } from '../ui/shell.tsx';
import { NoWebGPU, type Support, webgpuSupport } from '../ui/webgpu.tsx';
import { CodePanel, InterpolationPanel } from './code-panel.tsx';
import { DrawPanel } from './draw-panel.tsx';
import { PlanePanel } from './plane-panel.tsx';
import { ExploreStore } from './store.ts';
import './explore.css';

const store = new ExploreStore(
  new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'exploring' }),
);

/** The run that lies beside the page. */
const PACKED = 'packed';

function Explore() {
  const [, changed] = useReducer((count: number) => count + 1, 0);
  const [support, setSupport] = useState<Support>('checking');
  const [runs, setRuns] = useState<readonly StoredRun[]>([]);
  const [chosen, setChosen] = useState(PACKED);
  useEffect(() => store.subscribe(() => changed(0)), []);
  useEffect(() => {
    void (async () => {
      const found = await webgpuSupport();
      setSupport(found);
      const wanted = new URLSearchParams(location.search).get('run');
      const kept = await runsWith(wanted);
      setRuns(kept);
      const asked = kept.find(({ id }) => id === wanted);
      setChosen(asked?.id ?? PACKED);
      await store.open(asked?.files, found === 'yes');
      if (wanted && !asked)
        store.fail(
          'The run that you asked for is not kept in this browser. Here is the one that comes with the page.',
        );
    })();
  }, []);
  const open = (id: string) => {
    setChosen(id);
    history.replaceState(null, '', id === PACKED ? location.pathname : `?run=${id}`);
    void store.open(runs.find((run) => run.id === id)?.files, support === 'yes');
  };
  const load = async (files: File[] | Promise<File[]>) => {
    try {
      const { run } = await readFiles(await files);
      if (!run) throw new Error('these are images: drop a run here, its zip or its files');
      setChosen('file');
      await store.open(run, support === 'yes');
    } catch (error) {
      store.fail((error as Error).message);
    }
  };
  useEffect(() => {
    const over = (event: DragEvent) => event.preventDefault();
    const drop = (event: DragEvent) => {
      event.preventDefault();
      if (event.dataTransfer) void load(droppedFiles(event.dataTransfer));
    };
    addEventListener('dragover', over);
    addEventListener('drop', drop);
    return () => {
      removeEventListener('dragover', over);
      removeEventListener('drop', drop);
    };
  });
  const { opened, problem, isBusy } = store;
  return (
    <Shell page="explore">
      <h1>Explore a latent space</h1>
      <p class="lead">
        The decoder runs while you move. Open a run from the training page, or drop one that was trained in
        Node: its folder, or a zip of it.
      </p>
      {support !== 'yes' && support !== 'checking' && (
        <NoWebGPU support={support}>
          You can still explore a recorded model: the float64 reference computes it, slowly, in plain
          JavaScript.
        </NoWebGPU>
      )}
      {problem && (
        <div class="note bad" role="alert">
          <p>{problem}</p>
        </div>
      )}
      <div class="row choose">
        <label class="row">
          Run
          <select id="run" value={chosen} onChange={(event) => open(event.currentTarget.value)}>
            <option value={PACKED}>vae, 8 epochs on all of MNIST in Node</option>
            {runs.map(({ id, name, created }) => (
              <option key={id} value={id}>
                {name}, {new Date(created).toLocaleString('en')}
              </option>
            ))}
            {chosen === 'file' && <option value="file">from a file</option>}
          </select>
        </label>
        <FileButton id="load" accept={RUN_FILES} onFiles={load}>
          Open a run
        </FileButton>
        <span class="status" role="status">
          {isBusy ? 'opening …' : opened ? `${opened.model}: ${opened.size} numbers in a code` : ''}
        </span>
      </div>
      {opened && (
        <div class={opened.isVector ? 'explore' : 'explore flat'}>
          {opened.isVector && <PlanePanel store={store} />}
          <div class="column">
            <CodePanel store={store} />
            {opened.isVector && <InterpolationPanel store={store} />}
          </div>
          <DrawPanel store={store} />
        </div>
      )}
    </Shell>
  );
}

/** The runs that can be explored. The page that links to one may still be keeping it, so that one is waited for a little. */
async function runsWith(wanted: string | null): Promise<StoredRun[]> {
  for (let tries = 0; ; tries++) {
    const kept = (await keptRuns()).filter(({ files, experiment }) => files && experiment.data === 'mnist');
    if (!wanted || tries === 12 || kept.some(({ id }) => id === wanted)) return kept;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

render(<Explore />, document.getElementById('app')!);
