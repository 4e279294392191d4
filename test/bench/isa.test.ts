/* Runs without an adapter, for long. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { toCuda } from '../../bench/isa/cuda.ts';
import {
  compareIsa,
  compiledKernels,
  faultsOf,
  type IsaResults,
  type IsaRow,
  shareOf,
} from '../../bench/isa/isa.ts';
import { nvidia, wavesOf } from '../../bench/isa/nvidia.ts';
import { findDriver, radv } from '../../bench/isa/radv.ts';

/*
 * What a real GPU's compiler makes of the kernels of a training step and of the large products, without a GPU: Mesa's RADV,
 * which the package of lavapipe brings along, and, where CUDA is, NVIDIA's.
 */

const rowsOf = ({ kernels, compiled }: Awaited<ReturnType<typeof compiledKernels>>) =>
  kernels.map(({ id, users }, i): IsaRow => ({ id, users, ...compiled[i] }) as IsaRow);

test('WGSL as CUDA C++: what is declared, conditions, numbers, what C++ has no word for; only what is used, and before it is', () => {
  const wgsl = `
enable subgroups;
alias In0 = f32;
const SIZE = 64u;
struct Params { sums: vec3i, halved: f32, }
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<In0>>;
@group(0) @binding(2) var<storage, read> x: array<In1>;
alias In1 = Later;
alias Later = In0;
var<workgroup> tile: array<f32, SIZE * 2u>;
fn never(v: f32) -> f32 { return v; }
// Called before it stands here.
fn halved(v: vec3i, by: f32) -> f32 { return f32(v.zyx[0]) * .5 + 1f + 0x1p-24 + (by + 1) % 2.0 + params.halved % 3.0; }
@compute @workgroup_size(SIZE)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let z = 0xffu;
  var sum: f32;
  var near = array<f32, 4>(1e-3, 2.0, 3, 4i);
  if id.x >= SIZE { return; } else if local == 1u { sum += 1.; }
  for (var i = 0; i < 4; i++) { near[i] = x[i]; }
  tile[local] = halved(params.sums, near[0],);
  workgroupBarrier();
  loop { if local > z { break; } }
  out[local] = vec4<f32>(bitcast<f32>(z), select(0.0, sum, local < 3u), tile[0], 0.0);
}`;
  const expected = `
namespace wgsl::kernel_0 {
constexpr auto SIZE = 64u;
using In0 = f32;
using Later = In0;
using In1 = Later;
__constant__ const In1 *__restrict__ x;
__shared__ array<f32, SIZE * 2u> tile;
struct Params { vec3i sums; f32 halved; };
__constant__ Params params;
BOTH f32 halved(vec3i v, f32 by) {
  return f32(v.pick<2, 1, 0>()[0]) * .5f + 1.0f + 0x1p-24f + mod((by + 1), 2.0f) + mod(params.halved, 3.0f);
}
__constant__ vec4<In0> *__restrict__ out;
extern "C" __global__ __launch_bounds__(SIZE) void kernel_0() {
  const vec3u id = vec3u(blockIdx.x, blockIdx.y, blockIdx.z);
  const u32 local = threadIdx.x;
  const auto z = 0xffu;
  f32 sum{};
  auto near = array<f32, 4>(1e-3f, 2.0f, 3, 4);
  if (id.x >= SIZE) { return; } else if (local == 1u) { sum += 1.f; }
  for (auto i = 0; i < 4; i++) { near[i] = x[i]; }
  tile[local] = halved(params.sums, near[0]);
  workgroupBarrier();
  for (;;) { if (local > z) { break; } }
  out[local] = vec4<f32>(bitcast<f32>(z), select(0.0f, sum, local < 3u), tile[0], 0.0f);
}
}`;
  const bare = (text: string) => text.replaceAll(/\s+/g, '');
  assert.is(bare(toCuda(wgsl, 'main', 'kernel_0')), bare(expected));
  assert.throws(() => toCuda(wgsl, 'absent', 'kernel_0'), "there is no entry point 'absent'");
  assert.throws(() => toCuda('var<private> v: f32;\nfn main() {}', 'main', 'k'), "variables in 'private'");
});

test("warps that an H100's scheduler holds, as CUDA's cuda_occupancy.h counts them", () => {
  for (const [threads, registers, shared, waves] of [
    [32, 24, 0, 8], // 32 workgroups a multiprocessor
    [1024, 32, 0, 16], // 64 warps
    [64, 72, 1000, 7], // registers, by eights
    [160, 73, 0, 5], // a scheduler has registers for 6 warps, though all together for 25
    [256, 168, 0, 2],
    [64, 96, 12_289, 5],
    [256, 64, 49_152, 8], // 1 KiB of shared memory is taken for each workgroup
  ] as const)
    assert.is(wavesOf(threads, registers, shared), waves, `${threads}, ${registers}, ${shared}`);
});

const absent = nvidia.missing();
if (absent !== undefined) console.log(`SKIPPED: ${absent}; the kernels were not compiled for NVIDIA's GPUs`);
(absent === undefined ? test : test.skip)(
  "NVIDIA's compiler: every kernel of a step compiles, and the tiles are what it multiplies by",
  async () => {
    const rows = rowsOf(await compiledKernels(nvidia, ['steps/vae-mlp']));
    assert.equal(
      rows.filter(({ error }) => error !== undefined),
      [],
    );
    const tiles = rows.filter(({ id }) => id.startsWith('contraction_tiles.main'));
    assert.ok(tiles.length > 3, `${tiles.length} kernels`);
    for (const { id, facts } of tiles) {
      assert.ok(shareOf(facts!) > 0.7, `${id}: ${shareOf(facts!)}`);
      assert.ok(facts!.waves >= 2, `${id}: ${facts!.waves} waves`);
    }
  },
);

if (!findDriver()) {
  console.log(
    'SKIPPED: no RADV here (Debian: mesa-vulkan-drivers 25); the kernels were not compiled for a GPU',
  );
  test.skip('kernels compiled for a GPU', () => {});
} else {
  const rows = rowsOf(await compiledKernels(radv, ['steps/vae-mlp', 'contraction_t']));

  test('every kernel compiles, and none spills a register', () => {
    assert.ok(rows.length > 30, `${rows.length} kernels`);
    assert.equal(faultsOf(rows), []);
  });

  test('the hot loops of the tiles keep their shares of multiply-adds, and two waves a SIMD', () => {
    const tiles = rows.filter(({ id }) => id.startsWith('contraction_tiles.main'));
    // The least that each was seen to have, less what a scheduler may do: see docs/performance.md.
    const [byVectors, byI0] = [/ A_[KM]4 B_[KN]4 (?!.*TAIL)/, / BY_I0 /];
    const [fewTaps, withATail] = [/ TAPS .*STEADY (?!.*TAIL)/, / TAPS .*STEADY .*TAIL/];
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
      [withATail, 'TILE_M=16 TILE_N=128', 0.6],
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
