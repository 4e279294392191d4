// The bookkeeping of a training step: writes its metrics into a row of a ring, and advances both counters. One thread does it all.
// Host constant: METRICS.

@group(0) @binding(1) var<storage, read_write> ring: array<f32>;
// 64-bit counts: the low word, the high word.
@group(0) @binding(2) var<storage, read_write> steps: array<u32>;
@group(0) @binding(3) var<storage, read_write> cursor: array<u32>;
//% for k in 0..METRICS
@group(0) @binding(${4 + k}) var<storage, read> metric${k}: array<f32>;
//% end

@compute @workgroup_size(1)
fn main() {
  let at = (steps[0] % params.rows) * params.columns + params.first;
  //% for k in 0..METRICS
  ring[at + ${k}u] = metric${k}[0];
  //% end
  steps[0] += params.steps;
  if steps[0] < params.steps { steps[1] += 1u; }
  cursor[0] += params.images;
  if cursor[0] < params.images { cursor[1] += 1u; }
}
