import { Scatter } from '../ui/scatter.tsx';
import { Tiles } from '../ui/tiles.tsx';
import type { Run } from './store.ts';

/** What the model of a run does by now. */
export function Pictures({ run }: { run: Run | undefined }) {
  const look = run?.look;
  const at = look ? `step ${look.step}` : '';
  const corrupted = look?.reconstructions && rowsOf(look.reconstructions) === 3;
  return (
    <div class="pictures">
      <section class="card strip" aria-labelledby="reconstructions-title">
        <h2 id="reconstructions-title">Reconstructions</h2>
        {look?.reconstructions ? (
          <>
            <Tiles
              tiles={look.reconstructions}
              label={`Test images, and what ${run?.name} makes of them at ${at}`}
            />
            <p class="hint">
              Held-out images above, {corrupted ? 'what the model is shown of them, ' : ''}what it makes of
              them below; {at}.
            </p>
          </>
        ) : (
          <p class="hint empty">Ten test images and their reconstructions.</p>
        )}
      </section>
      <section class="card strip" aria-labelledby="samples-title">
        <h2 id="samples-title">Samples</h2>
        {look?.samples ? (
          <>
            <Tiles tiles={look.samples} label={`Decoded draws from the prior at ${at}`} />
            <p class="hint">Decoded draws from the prior, always the same ones; {at}.</p>
          </>
        ) : (
          <p class="hint empty">Images decoded from random codes.</p>
        )}
      </section>
      <section class="card square" aria-labelledby="scatter-title">
        <h2 id="scatter-title">Latent space</h2>
        {look?.scatter ? (
          <Scatter scatter={look.scatter} />
        ) : (
          <p class="hint empty">
            {look?.noScatter ?? 'Where 500 test images lie, in the two dimensions that differ most.'}
          </p>
        )}
      </section>
    </div>
  );
}

const rowsOf = ({
  pixels,
  shape,
  columns,
}: {
  pixels: Uint8Array;
  shape: readonly number[];
  columns: number;
}) => pixels.length / (shape[0]! * shape[1]! * shape[2]!) / columns;
