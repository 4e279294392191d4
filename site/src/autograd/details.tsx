import type { Inspection, LaunchInfo, TensorInfo } from './inspection.ts';
import { numberText, shapeText } from './layout.ts';
import { opSources } from './sources.ts';

/** All about one tensor of the graph: the op that made it, its values and gradient, the rule, and the launches. */
export function Details({
  found,
  tensor,
  onLaunch,
}: {
  found: Inspection;
  tensor: number;
  onLaunch: (index: number) => void;
}) {
  const node = found.nodes.find(({ output }) => output === tensor);
  const leaf = found.leaves.find((one) => one.tensor === tensor);
  const info = found.tensors[tensor]!;
  const name = found.names[tensor];
  const gradient = node?.gradient ?? leaf?.gradient;
  const sources = node && opSources[node.op];
  const launches = found.program?.launches ?? [];
  const withLaunch = (of: (launch: LaunchInfo) => readonly string[]) =>
    launches.flatMap((launch, index) =>
      node?.name && of(launch).includes(node.name) ? [{ launch, index }] : [],
    );
  const steps = node?.name ? found.backward.filter((step) => step.node === node.name) : [];
  const nameOf = (id: number) => found.names[id] ?? shapeText(found.tensors[id]!.shape);
  return (
    <div class="details">
      <h3>
        {node ? node.op : 'A tensor'} {name && <code>{name}</code>}
      </h3>
      {node && (
        <p class="hint">
          {node.op}({node.inputs.map(nameOf).join(', ')}
          {node.attributes && `; ${node.attributes}`}){node.name && `, ${node.name} of the graph`}
        </p>
      )}
      <div class="values">
        <ValueTable title="value" info={info} />
        {gradient && <ValueTable title="gradient of the root" info={gradient} />}
      </div>
      {sources?.definition && (
        <>
          <h4>Its definition</h4>
          <pre class="source">{sources.definition}</pre>
          <Launches what="forwards" list={withLaunch(({ forward }) => forward)} onLaunch={onLaunch} />
        </>
      )}
      {!sources?.definition && node && (
        <Launches what="forwards" list={withLaunch(({ forward }) => forward)} onLaunch={onLaunch} />
      )}
      {node && (
        <>
          <h4>Its rule</h4>
          {sources?.rule ? <pre class="source rule">{sources.rule}</pre> : <p class="hint">None.</p>}
          {steps.length > 0 && (
            <ol class="steps">
              {steps.map((step, i) => (
                <li key={`${i}`}>
                  <code>
                    {step.op}({step.inputs.map(nameOf).join(', ')}
                    {step.attributes && `; ${step.attributes}`})
                  </code>{' '}
                  → {shapeText(found.tensors[step.output]!.shape)}
                </li>
              ))}
            </ol>
          )}
          <Launches
            what="on the way back"
            list={withLaunch(({ backward }) => backward)}
            onLaunch={onLaunch}
          />
        </>
      )}
      {leaf && !node && <p class="hint">A leaf: it requires a gradient, and walks back end here.</p>}
      {!leaf && !node && <p class="hint">It requires no gradient, so the walk back skips it.</p>}
    </div>
  );
}

function Launches({
  what,
  list,
  onLaunch,
}: {
  what: string;
  list: readonly { readonly launch: LaunchInfo; readonly index: number }[];
  onLaunch: (index: number) => void;
}) {
  if (list.length === 0) return null;
  return (
    <p class="row launches-of">
      <span class="hint">Launched {what}:</span>
      {list.map(({ launch, index }) => (
        <button key={index} type="button" class="launch" onClick={() => onLaunch(index)}>
          {index}: {launch.kernel}
        </button>
      ))}
    </p>
  );
}

/** Values of a tensor, the last axis in a row. */
function ValueTable({ title, info }: { title: string; info: TensorInfo }) {
  const { shape, values, least, most, dtype } = info;
  const size = shape.reduce((product, extent) => product * extent, 1);
  const width = Math.max(1, Math.min(8, shape.at(-1) ?? 1));
  const full = shape.at(-1) ?? 1;
  const rows = Array.from({ length: Math.min(8, Math.ceil(Math.min(values.length, size) / full)) }, (_, r) =>
    values.slice(r * full, r * full + width),
  ).filter((row) => row.length > 0);
  const isCut = rows.length * full < size || width < full;
  return (
    <div class="scroll">
      <p class="hint">
        {title}: {dtype} {shapeText(shape)}
      </p>
      <table class="tensor" aria-label={title}>
        <tbody>
          {rows.map((row, i) => (
            <tr key={`${i}`}>
              {row.map((value, k) => (
                <td key={`${k}`} class="number">
                  {numberText(value)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {isCut && (
        <p class="hint">
          {size.toLocaleString('en')} values from {numberText(least)} to {numberText(most)}
        </p>
      )}
    </div>
  );
}
