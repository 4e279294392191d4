/* Runs without an adapter, for long. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { findDriver } from '../../bench/isa/compiler.ts';
import {
  compareIsa,
  compiledKernels,
  faultsOf,
  type IsaResults,
  type IsaRow,
  shareOf,
} from '../../bench/isa/isa.ts';

/*
 * What a real GPU's compiler makes of the kernels of a training step and of the large products, without a GPU: Mesa's RADV,
 * which the package of lavapipe brings along.
 */

if (!findDriver()) {
  console.log(
    'SKIPPED: no RADV here (Debian: mesa-vulkan-drivers 25); the kernels were not compiled for a GPU',
  );
  test.skip('kernels compiled for a GPU', () => {});
} else {
  const { kernels, compiled } = await compiledKernels(['steps/vae-mlp', 'contraction_t']);
  const rows = kernels.map(({ id, users }, i): IsaRow => ({ id, users, ...compiled[i] }) as IsaRow);

  test('every kernel compiles, and none spills a register', () => {
    assert.ok(rows.length > 30, `${rows.length} kernels`);
    assert.equal(faultsOf(rows), []);
  });

  test('the hot loops of the tiles keep their shares of multiply-adds, and two waves a SIMD', () => {
    const tiles = rows.filter(({ id }) => id.startsWith('contraction_tiles.main'));
    // The least that each was seen to have, less what a scheduler may do: see docs/performance.md.
    const [byVectors, byI0, fewTaps] = [/ A_[KM]4 B_[KN]4 (?!.*TAIL)/, / BY_I0 /, / TAPS .*STEADY /];
    for (const [kind, tile, least] of [
      [byVectors, 'TILE_M=128 TILE_N=128', 0.86],
      [byVectors, 'TILE_M=32 TILE_N=64', 0.8],
      [byVectors, 'TILE_M=16 TILE_N=128', 0.77],
      [byVectors, 'TILE_M=32 TILE_N=32', 0.73],
      [byI0, 'TILE_M=64 TILE_N=64', 0.76],
      [byI0, 'TILE_M=32 TILE_N=64', 0.74],
      [byI0, 'TILE_M=16 TILE_N=128', 0.67],
      [byI0, 'TILE_M=32 TILE_N=32', 0.62],
      [fewTaps, 'TILE_M=32 TILE_N=128', 0.79],
      [fewTaps, 'TILE_M=16 TILE_N=128', 0.68],
    ] as const) {
      const shares = tiles
        .filter(({ id }) => id.includes(`${tile} `) && kind.test(id))
        .map(({ facts }) => shareOf(facts!));
      assert.ok(shares.length > 0, `${tile} ${kind}`);
      assert.ok(Math.min(...shares) >= least, `${tile} ${kind}: ${shares.map((share) => share.toFixed(2))}`);
    }
    for (const { id, facts } of tiles) assert.ok(facts!.waves >= 2, id);
  });

  test('a comparison with itself finds nothing, and one with better kernels what became worse', () => {
    const results: IsaResults = { format: 'tapegrad-isa', version: 1, family: 'test', kernels: rows };
    assert.is(compareIsa(results, results).worse, 0);
    const better = rows.map((row) => ({ ...row, facts: { ...row.facts!, waves: row.facts!.waves + 1 } }));
    assert.is(compareIsa({ ...results, kernels: better }, results).worse, rows.length);
  });
}

test.run();
