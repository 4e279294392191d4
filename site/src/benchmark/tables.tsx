import { digits, groupOf, milliseconds, percent } from '@tapegrad/bench/browser';
import { Scroller } from '../ui/scroller.tsx';
import type { KernelRow, StepRow } from './protocol.ts';

/** A share as a bar, and in words beside it. */
function Bar({ share, text, color }: { share: number; text: string; color: number }) {
  return (
    <td class="bar-cell">
      <span class="track" aria-hidden="true">
        <span
          style={{ width: `${(100 * Math.min(1, share)).toFixed(1)}%`, background: `var(--c${color})` }}
        />
      </span>
      {text}
    </td>
  );
}

/** Every kernel against the roofs. */
export function KernelTable({ rows }: { rows: readonly KernelRow[] }) {
  return (
    <Scroller label="The kernels">
      <table id="kernels">
        <thead>
          <tr>
            <th scope="col">Kernel</th>
            <th scope="col">Of the roof</th>
            <th scope="col">Bound by</th>
            <th scope="col" class="number">
              GFLOP/s
            </th>
            <th scope="col" class="number">
              GB/s
            </th>
            <th scope="col" class="number">
              ms: median (quartiles)
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td class="wrap">
                {row.id}
                {row.models && <span class="hint"> {row.models.join(', ')}</span>}
              </td>
              <Bar share={row.roof} text={percent(row.roof)} color={groupOf(row)} />
              <td>{row.bound}</td>
              <td class="number">{row.flops > 0 ? digits(row.gflops) : ''}</td>
              <td class="number">{digits(row.gbs)}</td>
              <td class="number">{milliseconds(row.ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}

/** Training steps of the models, captured and op by op. */
export function StepTable({ rows }: { rows: readonly StepRow[] }) {
  const most = Math.max(...rows.map(({ captured }) => captured.imagesPerSecond));
  return (
    <Scroller label="The training steps">
      <table id="steps">
        <thead>
          <tr>
            <th scope="col">Model, batch</th>
            <th scope="col">Images/s</th>
            <th scope="col" class="number">
              ms: median (quartiles)
            </th>
            <th scope="col" class="number">
              Launches
            </th>
            <th scope="col" class="number">
              Host ms
            </th>
            <th scope="col" class="number">
              Op by op, images/s
            </th>
            <th scope="col" class="number">
              MB planned of needed
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.id}>
              <td>
                {row.id.replace('steps/', '')}, {row.batchSize}
              </td>
              <Bar
                share={row.captured.imagesPerSecond / most}
                text={digits(row.captured.imagesPerSecond)}
                color={0}
              />
              <td class="number">{milliseconds(row.captured.ms)}</td>
              <td class="number">{row.captured.launches}</td>
              <td class="number">{digits(row.captured.hostMs)}</td>
              <td class="number">{digits(row.eager.imagesPerSecond)}</td>
              <td class="number">
                {(row.plannedBytes / 1e6).toFixed(1)} of {(row.liveSetBytes / 1e6).toFixed(1)}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}
