import { useEffect, useRef } from 'preact/hooks';
import { Scroller } from '../ui/scroller.tsx';
import type { Inspection } from './inspection.ts';

/** What `capture` makes of the program: its launches, what was merged, and the WGSL of each. */
export function ProgramView({
  found,
  selected,
  onSelect,
}: {
  found: Inspection;
  selected: number | undefined;
  onSelect: (index: number | undefined) => void;
}) {
  const { program, noProgram } = found;
  if (!program) return <p class="hint">No captured program: {noProgram}.</p>;
  const { launches, unmerged, merged, elided, planned, liveSet } = program;
  return (
    <>
      <p class="hint">
        {unmerged.length} launches before merging, {launches.length} after: {merged} became part of others
        {elided > 0 && `, ${elided} copies were left out`}. Temporaries take {planned} B; {liveSet} B of them
        are alive at once. On {program.adapter}.
      </p>
      <Scroller label="The launches">
        <table id="launches">
          <thead>
            <tr>
              <th scope="col">Launch</th>
              <th scope="col">Ops</th>
              <th scope="col">From</th>
              <th scope="col">Workgroups</th>
              <th scope="col">Writes</th>
              <th scope="col">Reads</th>
            </tr>
          </thead>
          <tbody>
            {launches.map((launch, index) => (
              <tr key={`${index}`} aria-current={index === selected ? 'true' : undefined}>
                <td>
                  <button
                    type="button"
                    class="launch"
                    aria-expanded={index === selected}
                    onClick={() => onSelect(index === selected ? undefined : index)}
                  >
                    {index}: {launch.kernel}
                  </button>
                </td>
                <td>{launch.op}</td>
                <td>
                  {[...launch.forward, ...launch.backward.map((name) => `backward of ${name}`)].join(' + ') ||
                    '–'}
                </td>
                <td>{launch.workgroups.join(' × ')}</td>
                <td>{launch.writes.join('; ')}</td>
                <td>{launch.reads.join('; ')}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroller>
      {selected !== undefined && launches[selected] && <Kernel found={found} index={selected} />}
      {merged > 0 && (
        <details>
          <summary>The launches before merging</summary>
          <ol class="unmerged" start={0}>
            {unmerged.map(({ op, kernel, forward, backward }, i) => (
              <li key={`${i}`}>
                {op}{' '}
                <span class="hint">
                  {kernel}; {[...forward, ...backward.map((name) => `backward of ${name}`)].join(' + ')}
                </span>
              </li>
            ))}
          </ol>
        </details>
      )}
      <details>
        <summary>
          <code>program.print()</code>
        </summary>
        <Scroller label="The program">
          <pre class="source">{program.text}</pre>
        </Scroller>
      </details>
    </>
  );
}

/** The shader of a launch, as it is compiled. */
function Kernel({ found, index }: { found: Inspection; index: number }) {
  const element = useRef<HTMLDivElement>(null);
  const launch = found.program!.launches[index]!;
  const code = found.program!.kernels[launch.code]!;
  useEffect(() => element.current?.scrollIntoView({ block: 'nearest' }), [index]);
  return (
    <div class="kernel" ref={element}>
      <h3>
        {launch.kernel}, launch {index}
      </h3>
      {launch.constants && (
        <p class="hint">
          Constants: <code>{launch.constants}</code>
        </p>
      )}
      {launch.uniforms && (
        <details open>
          <summary>Uniforms of this launch</summary>
          <pre class="source">{launch.uniforms}</pre>
        </details>
      )}
      <Scroller label="The WGSL of this launch" tall>
        <pre class="source wgsl">{highlighted(ownLines(code))}</pre>
      </Scroller>
      <details>
        <summary>With the helpers before it: all {code.split('\n').length} lines</summary>
        <Scroller label="All WGSL">
          <pre class="source">{code}</pre>
        </Scroller>
      </details>
    </div>
  );
}

/** Without the helpers that every kernel has before its own text: they stand between its uniforms and its bindings. */
function ownLines(code: string): string {
  const lines = code.split('\n');
  const helpers = lines.indexOf('// Put before every kernel.');
  const bindings = lines.findIndex((line) => line.includes('@binding(1)'));
  if (helpers < 0 || bindings < helpers) return code.trim();
  return [...lines.slice(0, helpers), ...lines.slice(bindings)].join('\n').trim();
}

const TOKENS =
  /(\/\/.*)|\b(fn|let|var|const|for|if|else|return|while|loop|switch|case|break|continue|struct|alias|enable|override)\b|(@\w+)|\b(f32|u32|i32|f16|bool|vec[234][fui]?|array|ptr|workgroup|storage|uniform)\b|\b(\d+(?:\.\d+)?(?:e-?\d+)?[uif]?)\b/g;
const CLASSES = ['comment', 'keyword', 'attribute', 'type', 'number'];

function highlighted(code: string) {
  const parts: (string | preact.JSX.Element)[] = [];
  let at = 0;
  for (const match of code.matchAll(TOKENS)) {
    const kind = match.slice(1).findIndex((group) => group !== undefined);
    parts.push(code.slice(at, match.index));
    parts.push(<span class={CLASSES[kind]}>{match[0]}</span>);
    at = match.index + match[0].length;
  }
  parts.push(code.slice(at));
  return parts;
}
