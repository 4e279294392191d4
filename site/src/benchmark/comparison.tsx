import { type Change, compare, digits, type Results } from '@tapegrad/bench/browser';
import { Scroller } from '../ui/scroller.tsx';

/** What is slower and faster than in another file, beyond the noise. */
export function ComparisonPanel({ results, other }: { results: Results; other: Results }) {
  const { slower, faster, same, unmatched } = compare(other, results);
  const isOtherAdapter = other.adapter.name !== results.adapter.name;
  return (
    <section class="card" aria-labelledby="comparison-title">
      <h2 id="comparison-title">Against another file</h2>
      <p id="comparison">
        Compared with {other.adapter.name}, {other.date.slice(0, 16).replace('T', ' ')} UTC: {slower.length}{' '}
        slower, {faster.length} faster, {same} the same within the noise
        {unmatched > 0 && `, ${unmatched} in one of the two only`}.
        {isOtherAdapter && ' They are of two adapters.'}
      </p>
      {slower.length + faster.length > 0 && (
        <Scroller label="Rows that became faster or slower">
          <table>
            <thead>
              <tr>
                <th scope="col">Row</th>
                <th scope="col" class="number">
                  ms before
                </th>
                <th scope="col" class="number">
                  ms now
                </th>
                <th scope="col">Change</th>
              </tr>
            </thead>
            <tbody>{[...slower, ...faster].map(row)}</tbody>
          </table>
        </Scroller>
      )}
    </section>
  );
}

const row = ({ id, before, after, ratio }: Change) => (
  <tr key={id}>
    <td class="wrap">{id}</td>
    <td class="number">{digits(before.median)}</td>
    <td class="number">{digits(after.median)}</td>
    <td class={ratio > 1 ? 'slower' : 'faster'}>
      {ratio > 1 ? `${ratio.toFixed(2)} times slower` : `${(1 / ratio).toFixed(2)} times faster`}
    </td>
  </tr>
);
