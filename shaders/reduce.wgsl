// Reductions: one thread per (output, chunk), in a fixed order, without barriers. The host appends start() and
// step_with(acc, v). The reduced part has two digits, extent0 (outer) and extent1; chunk c takes every chunks-th value.
// Host constant: WORKGROUP.

struct Params {
  outputs: u32,
  chunks0: u32,
  chunks1: u32,
  extent0: u32,
  extent1: u32,
  stride0: u32,
  stride1: u32,
  unused: u32,
  kept_shape: array<vec4u, 2>,
  kept_strides: array<vec4u, 2>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

fn kept_position(index: u32) -> u32 {
  var rest = index;
  var at = 0u;
  for (var axis = 7; axis >= 0 && rest > 0u; axis--) {
    let extent = params.kept_shape[axis / 4][axis % 4];
    if extent > 1u {
      let next = rest / extent;
      at += (rest - next * extent) * params.kept_strides[axis / 4][axis % 4];
      rest = next;
    }
  }
  return at;
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  let chunks = params.chunks0 * params.chunks1;
  if id >= params.outputs * chunks { return; }
  let output = id / chunks;
  let chunk = id - output * chunks;
  let chunk0 = chunk / params.chunks1;
  let chunk1 = chunk - chunk0 * params.chunks1;
  let base = kept_position(output);
  var acc = start();
  for (var i0 = chunk0; i0 < params.extent0; i0 += params.chunks0) {
    let row = base + i0 * params.stride0;
    for (var i1 = chunk1; i1 < params.extent1; i1 += params.chunks1) {
      acc = step_with(acc, x[row + i1 * params.stride1]);
    }
  }
  out[id] = acc;
}

// Index of the best value along one axis; here step_with tells whether v beats acc.
@group(0) @binding(1) var<storage, read_write> out_index: array<i32>;

@compute @workgroup_size(WORKGROUP)
fn arg(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.outputs { return; }
  let block = id / params.stride1;
  let start_at = block * params.stride1 * params.extent1 + (id - block * params.stride1);
  var best = x[start_at];
  var best_index = 0u;
  for (var i = 1u; i < params.extent1; i++) {
    let v = x[start_at + i * params.stride1];
    if step_with(best, v) > 0.5 {
      best = v;
      best_index = i;
    }
  }
  out_index[id] = i32(best_index);
}
