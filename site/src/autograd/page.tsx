import { render } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Client } from '../ui/rpc.ts';
import { Shell } from '../ui/shell.tsx';
import { NoWebGPU, type Support, webgpuSupport } from '../ui/webgpu.tsx';
import './autograd.css';
import { Details } from './details.tsx';
import { Editor } from './editor.tsx';
import { examples } from './examples.ts';
import { GraphView } from './graph-view.tsx';
import type { Inspection } from './inspection.ts';
import { fromHash, toHash } from './link.ts';
import { ProgramView } from './program-view.tsx';
import type { AutogradHandlers } from './worker.ts';

const newClient = () =>
  new Client<AutogradHandlers>(
    new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'autograd' }),
  );

function Autograd() {
  const [support, setSupport] = useState<Support>('checking');
  const [chosen, setChosen] = useState(() => ({ code: fromHash(location.hash) ?? examples[0]!.code }));
  const [code, setCode] = useState(chosen.code);
  const [found, setFound] = useState<Inspection>();
  const [tensor, setTensor] = useState<number>();
  const [launch, setLaunch] = useState<number>();
  const [problem, setProblem] = useState('');
  const [isBusy, setIsBusy] = useState(false);
  const [isCopied, setIsCopied] = useState(false);
  const client = useRef<Client<AutogradHandlers> | null>(null);
  const recorded = useRef<Promise<Record<string, Inspection>> | null>(null);

  const run = async (text = code) => {
    history.replaceState(null, '', toHash(text));
    setProblem('');
    setIsBusy(true);
    client.current ??= newClient();
    try {
      const hasGpu = support === 'yes';
      let result: Inspection = await client.current.ask('inspect', { code: text, hasGpu });
      if (!hasGpu) {
        recorded.current ??= fetch(new URL('../recorded/autograd.json', location.href)).then((answer) =>
          answer.json(),
        );
        const program = (await recorded.current)[text]?.program;
        if (program) result = { ...result, program };
      }
      setFound(result);
      setTensor(result.roots.at(-1) ?? result.nodes.at(-1)?.output);
      setLaunch(undefined);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setIsBusy(false);
  };
  const stop = () => {
    client.current?.end();
    client.current = null;
  };
  const choose = (text: string) => {
    setCode(text);
    setChosen({ code: text });
    void run(text);
  };
  useEffect(() => void webgpuSupport().then(setSupport), []);
  useEffect(() => {
    if (support !== 'checking') void run();
  }, [support]);
  useEffect(() => {
    const onHash = () => {
      const text = fromHash(location.hash);
      if (text !== undefined) choose(text);
    };
    addEventListener('hashchange', onHash);
    return () => removeEventListener('hashchange', onHash);
  });
  const copyLink = async () => {
    history.replaceState(null, '', toHash(code));
    await navigator.clipboard.writeText(location.href).catch(() => {});
    setIsCopied(true);
    setTimeout(() => setIsCopied(false), 2000);
  };
  const example = examples.find((one) => one.code === code)?.name ?? '';
  return (
    <Shell page="autograd">
      <h1>
        From <code>loss.backward()</code> down to the shader
      </h1>
      <p class="lead">
        Run a few lines, and see the graph forwards and backwards, each op's rule, the launches, and their
        WGSL. Everything that the packages offer is in scope; <code>print(…)</code> shows values.
      </p>
      {support !== 'yes' && support !== 'checking' && (
        <NoWebGPU support={support}>
          The float64 reference runs your program in plain JavaScript. For the examples, recorded launches are
          shown.
        </NoWebGPU>
      )}
      <div class="autograd">
        <section class="card" aria-labelledby="program-title">
          <div class="row head">
            <h2 id="program-title">Program</h2>
            <label class="row">
              <span class="visually-hidden">Example</span>
              <select
                id="example"
                value={example}
                onChange={(event) =>
                  choose(examples.find(({ name }) => name === event.currentTarget.value)?.code ?? code)
                }
              >
                {example === '' && <option value="">your own</option>}
                {examples.map(({ name }) => (
                  <option key={name} value={name}>
                    {name}
                  </option>
                ))}
              </select>
            </label>
          </div>
          <Editor chosen={chosen} onChange={setCode} onRun={() => void run()} />
          <div class="row">
            <button
              type="button"
              id="run"
              class="primary"
              disabled={isBusy || support === 'checking'}
              onClick={() => void run()}
            >
              Run
            </button>
            {isBusy && (
              <button type="button" id="stop" onClick={stop}>
                Stop
              </button>
            )}
            <button type="button" onClick={copyLink}>
              {isCopied ? 'Copied' : 'Copy link'}
            </button>
            <span class="hint">Ctrl+Enter runs it too.</span>
          </div>
          {problem && (
            <div class="note bad" role="alert">
              <p>{problem}</p>
            </div>
          )}
          <output id="printed">{found?.printed.join('\n')}</output>
        </section>
        <section class="card" aria-labelledby="graph-title">
          <h2 id="graph-title">Graph</h2>
          {found && found.nodes.length > 0 ? (
            <GraphView found={found} selected={tensor} onSelect={setTensor} />
          ) : (
            <p class="hint">{isBusy ? 'Running …' : 'The program runs no ops.'}</p>
          )}
        </section>
        <section class="card" aria-label="What is chosen in the graph">
          {found && tensor !== undefined && found.tensors[tensor] && (
            <Details found={found} tensor={tensor} onLaunch={setLaunch} />
          )}
        </section>
        <section class="card wide" aria-labelledby="captured-title">
          <h2 id="captured-title">The captured program</h2>
          {found && <ProgramView found={found} selected={launch} onSelect={setLaunch} />}
        </section>
      </div>
    </Shell>
  );
}

render(<Autograd />, document.getElementById('app')!);
