import { checkResults, digits, GROUPS, groupOf, rooflineChart } from '@tapegrad/bench/browser';
import { render } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { download } from '../train/files.ts';
import { FileButton } from '../ui/file-button.tsx';
import { Shell } from '../ui/shell.tsx';
import { NoWebGPU, type Support, webgpuSupport } from '../ui/webgpu.tsx';
import './benchmark.css';
import { Scroller } from '../ui/scroller.tsx';
import { ComparisonPanel } from './comparison.tsx';
import type { FromBench, KernelRow, Results, Roofs, StepRow, Wishes } from './protocol.ts';
import { KernelTable, StepTable } from './tables.tsx';

type Progress = Omit<Extract<FromBench, { kind: 'progress' }>, 'kind'>;

function Benchmark() {
  const [support, setSupport] = useState<Support>('checking');
  const [wishes, setWishes] = useState<Wishes>({ quick: true, groups: GROUPS.map((_, i) => i), steps: true });
  const [progress, setProgress] = useState<Progress>();
  const [roofs, setRoofs] = useState<Roofs>();
  const [kernels, setKernels] = useState<ReadonlyMap<string, KernelRow>>(new Map());
  const [steps, setSteps] = useState<ReadonlyMap<string, StepRow>>(new Map());
  const [results, setResults] = useState<Results>();
  const [other, setOther] = useState<Results>();
  const [problem, setProblem] = useState('');
  const worker = useRef<Worker | null>(null);

  const show = (found: Results) => {
    setResults(found);
    setRoofs(found.roofs);
    setKernels(new Map(found.kernels.map((row) => [row.id, row])));
    setSteps(new Map(found.steps.map((row) => [row.id, row])));
  };
  useEffect(() => {
    void webgpuSupport().then(async (found) => {
      setSupport(found);
      if (found === 'yes') return;
      const answer = await fetch(new URL('../recorded/benchmark.json', location.href));
      show(checkResults(await answer.json()));
    });
  }, []);
  const receive = (message: FromBench) => {
    if (message.kind === 'progress') setProgress(message);
    else if (message.kind === 'roofs') setRoofs(message.roofs);
    else if (message.kind === 'kernel') setKernels((rows) => new Map(rows).set(message.row.id, message.row));
    else if (message.kind === 'step') setSteps((rows) => new Map(rows).set(message.row.id, message.row));
    else {
      if (message.kind === 'done') show(message.results);
      else setProblem(message.message);
      stop();
    }
  };
  const start = () => {
    setProblem('');
    setResults(undefined);
    setRoofs(undefined);
    setKernels(new Map());
    setSteps(new Map());
    const made = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'benchmark' });
    made.onmessage = ({ data }: MessageEvent<FromBench>) => receive(data);
    made.onerror = ({ message }) => receive({ kind: 'failed', message });
    worker.current = made;
    setProgress({ done: 0, total: 1, text: 'opening the GPU' });
    made.postMessage(wishes);
  };
  const stop = () => {
    worker.current?.terminate();
    worker.current = null;
    setProgress(undefined);
  };
  const load = async (file: File) => {
    setProblem('');
    try {
      setOther(checkResults(JSON.parse(await file.text())));
    } catch (error) {
      setProblem(`${file.name} ${error instanceof SyntaxError ? 'is not JSON' : (error as Error).message}`);
    }
  };
  const toggle = (group: number) =>
    setWishes({
      ...wishes,
      groups: wishes.groups.includes(group)
        ? wishes.groups.filter((one) => one !== group)
        : [...wishes.groups, group],
    });
  const rows = [...kernels.values()];
  const chart = useMemo(() => (roofs && rows.length > 0 ? rooflineChart(rows, roofs) : ''), [kernels, roofs]);
  const isIdle = progress === undefined;
  return (
    <Shell page="benchmark">
      <h1>Benchmark your GPU</h1>
      <p class="lead">
        How fast this adapter copies memory and multiplies numbers, and how close each kernel comes to that.
        The whole suite of <code>npm run bench</code>, in this browser.
      </p>
      {support !== 'yes' && support !== 'checking' && (
        <NoWebGPU support={support}>
          So nothing can be measured here. Below is a recording of lavapipe on two cores, in Node.
        </NoWebGPU>
      )}
      {problem && (
        <div class="note bad" role="alert">
          <p>{problem}</p>
        </div>
      )}
      <section class="card controls" aria-label="What to measure">
        <fieldset class="row" disabled={!isIdle || support !== 'yes'}>
          <label class="row">
            <input
              type="radio"
              name="effort"
              checked={wishes.quick}
              onChange={() => setWishes({ ...wishes, quick: true })}
            />
            quick: small shapes, few samples
          </label>
          <label class="row">
            <input
              type="radio"
              name="effort"
              checked={!wishes.quick}
              onChange={() => setWishes({ ...wishes, quick: false })}
            />
            thorough: three rounds of everything
          </label>
        </fieldset>
        <fieldset class="row" disabled={!isIdle || support !== 'yes'}>
          {GROUPS.map(({ short }, i) => (
            <label class="row" key={short}>
              <input type="checkbox" checked={wishes.groups.includes(i)} onChange={() => toggle(i)} />
              <span class="swatch" style={{ background: `var(--c${i})` }} />
              {short}
            </label>
          ))}
          <label class="row">
            <input
              type="checkbox"
              checked={wishes.steps}
              onChange={() => setWishes({ ...wishes, steps: !wishes.steps })}
            />
            training steps
          </label>
        </fieldset>
        <div class="row">
          {isIdle ? (
            <button type="button" id="measure" class="primary" disabled={support !== 'yes'} onClick={start}>
              Measure
            </button>
          ) : (
            <button type="button" id="stop" onClick={stop}>
              Stop
            </button>
          )}
          {results && (
            <button
              type="button"
              id="save"
              onClick={() =>
                download(
                  'tapegrad-bench.json',
                  new TextEncoder().encode(`${JSON.stringify(results, null, 1)}\n`),
                  'application/json',
                )
              }
            >
              Save as JSON
            </button>
          )}
          <FileButton id="other" accept=".json" single onFiles={([file]) => void load(file!)}>
            Compare with a file
          </FileButton>
        </div>
        {progress && (
          <div class="status">
            <p>
              {progress.done} of {progress.total}: {progress.text}
            </p>
            <progress aria-label="Rows measured" value={progress.done} max={progress.total} />
          </div>
        )}
        <div class="visually-hidden" role="status">
          {results &&
            `Measured ${results.kernels.length} kernels and ${results.steps.length} training steps.`}
        </div>
      </section>
      {roofs && <RoofCards roofs={roofs} results={results} />}
      {chart && (
        <section class="card" aria-labelledby="roofline-title">
          <h2 id="roofline-title">Roofline</h2>
          <Scroller label="The roofline">
            {/* SVG that the suite draws, with all names escaped. */}
            <div class="chart" dangerouslySetInnerHTML={{ __html: chart }} />
          </Scroller>
          <p class="hint">
            The slanted line is the fastest copy, the level one the fastest multiply-adds; the dashed line is
            the fastest copy by a kernel. No kernel gets above them unless its data stay in a cache. Point at
            a dot for its name; the table below has them all.
          </p>
        </section>
      )}
      {results && other && <ComparisonPanel results={results} other={other} />}
      {steps.size > 0 && (
        <section class="card" aria-labelledby="steps-title">
          <h2 id="steps-title">Training steps</h2>
          <StepTable rows={[...steps.values()]} />
        </section>
      )}
      {rows.length > 0 && (
        <section class="card" aria-labelledby="kernels-title">
          <h2 id="kernels-title">Kernels</h2>
          <KernelTable rows={rows.toSorted((a, b) => groupOf(a) - groupOf(b) || b.roof - a.roof)} />
        </section>
      )}
      {results && results.skipped.length > 0 && (
        <details>
          <summary>{results.skipped.length} rows were left out</summary>
          <ul>
            {results.skipped.map(({ id, reason }) => (
              <li key={id}>
                {id}: {reason}
              </li>
            ))}
          </ul>
        </details>
      )}
    </Shell>
  );
}

function RoofCards({ roofs, results }: { roofs: Roofs; results: Results | undefined }) {
  const { compute, bandwidth, kernelBandwidth } = roofs;
  return (
    <div class="roofs" id="roofs">
      <div class="card">
        <b>{digits(compute.rate)} GFLOP/s</b>
        <span class="hint">{compute.probe}</span>
      </div>
      <div class="card">
        <b>{digits(bandwidth.rate)} GB/s</b>
        <span class="hint">{bandwidth.probe}</span>
      </div>
      <div class="card">
        <b>{digits(kernelBandwidth.rate)} GB/s</b>
        <span class="hint">the most that a kernel reached: {kernelBandwidth.probe}</span>
      </div>
      {results && (
        <p class="hint">
          {results.adapter.name}; {results.adapter.driver}; {results.date.slice(0, 16).replace('T', ' ')} UTC
          {results.quick && '; a quick run, whose figures say little'}
        </p>
      )}
    </div>
  );
}

render(<Benchmark />, document.getElementById('app')!);
