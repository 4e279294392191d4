//% if SUBGROUPS
enable subgroups;
//% end
// Reductions in a fixed order, accumulated in float32. The host appends start() and step_with(acc, v). The reduced part
// has two digits, extent0 (outer) and extent1; chunk c takes every chunks-th value of them, and a second launch combines
// the chunks' results. Four ways:
//
//   main     a thread for each (output, chunk): any strides
//   lines    a workgroup for each (output, chunk), where extent1 is contiguous: its lanes read neighbouring vec4s
//   columns  a thread for each chunk of four neighbouring outputs, where the outputs are contiguous
//   block    a workgroup for each output, in one launch: any strides, for few outputs of few values on a GPU
//
// and `arg` and `arg_lines`, a thread or a workgroup for each line along one axis: the index of the best value, where
// step_with tells whether v beats acc. FOURS: x is read as vec4s. SUBGROUPS: a workgroup is one subgroup, whose lanes
// exchange values without shared memory; else LANES threads exchange them through it. Captured programs may merge the ops
// before it (MERGED: the host appends the inputs and value(i), which replaces x[i]) and after it (FUSED).

//% if !MERGED
//% if FOURS
@group(0) @binding(2) var<storage, read> x: array<vec4<In0>>;
fn value(i: u32) -> vec4f { return vec4f(x[i]); }
//% else
@group(0) @binding(2) var<storage, read> x: array<In0>;
fn value(i: u32) -> f32 { return f32(x[i]); }
//% end
//% end

//% entry main, lines, columns, block
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

//% entry columns
fn ended(v: vec4f, at: u32) -> vec4f {
//% else
fn ended(v: f32, at: u32) -> f32 {
//% end
  //% if FUSED
  return finish(v, at);
  //% else
  return v;
  //% end
}
//% end

//% entry main
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * LANES + local;
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
      acc = step_with(acc, value(row + i1 * params.stride1));
    }
  }
  out[id] = Out0(ended(acc, id));
}
//% end

//% entry lines, columns
fn step_four(acc: vec4f, v: vec4f) -> vec4f {
  return vec4f(step_with(acc.x, v.x), step_with(acc.y, v.y), step_with(acc.z, v.z), step_with(acc.w, v.w));
}
//% end

//% entry lines
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;

//% if !SUBGROUPS
var<workgroup> exchange: array<f32, LANES>;
//% end

@compute @workgroup_size(LANES)
fn lines(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  //% if SUBGROUPS
  @builtin(subgroup_invocation_id) lane: u32,
  //% else
  @builtin(local_invocation_index) lane: u32,
  //% end
) {
  let id = group_index(wid, groups);
  let chunks = params.chunks0 * params.chunks1;
  if id >= params.outputs * chunks { return; }
  let output = id / chunks;
  let chunk = id - output * chunks;
  let chunk0 = chunk / params.chunks1;
  let chunk1 = chunk - chunk0 * params.chunks1;
  let base = kept_position(output);
  let turn = params.chunks1 * LANES;
  let fours = params.extent1 / 4u;
  var acc0 = vec4f(start());
  var acc1 = acc0;
  for (var i0 = chunk0; i0 < params.extent0; i0 += params.chunks0) {
    let row = (base + i0 * params.stride0) / 4u;
    var i1 = chunk1 * LANES + lane;
    for (; i1 + turn < fours; i1 += 2u * turn) {
      acc0 = step_four(acc0, value(row + i1));
      acc1 = step_four(acc1, value(row + i1 + turn));
    }
    if i1 < fours { acc0 = step_four(acc0, value(row + i1)); }
  }
  let both = step_four(acc0, acc1);
  var acc = step_with(step_with(both.x, both.y), step_with(both.z, both.w));
  //% if SUBGROUPS
  //% if LANES > 16
  acc = step_with(acc, subgroupShuffleXor(acc, 16u));
  //% end
  //% if LANES > 8
  acc = step_with(acc, subgroupShuffleXor(acc, 8u));
  //% end
  //% if LANES > 4
  acc = step_with(acc, subgroupShuffleXor(acc, 4u));
  //% end
  acc = step_with(acc, subgroupShuffleXor(acc, 2u));
  acc = step_with(acc, subgroupShuffleXor(acc, 1u));
  //% else
  exchange[lane] = acc;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half { exchange[lane] = step_with(exchange[lane], exchange[lane + half]); }
  }
  // Only lane 0 reads, and only what it wrote itself: the others would race with it.
  if lane == 0u { acc = exchange[0]; }
  //% end
  if lane == 0u { out[id] = Out0(ended(acc, id)); }
}
//% end

//% entry columns
@group(0) @binding(1) var<storage, read_write> out: array<vec4<Out0>>;

@compute @workgroup_size(LANES)
fn columns(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * LANES + local;
  let fours = params.outputs / 4u;
  let chunks = params.chunks0 * params.chunks1;
  if id >= fours * chunks { return; }
  let chunk = id / fours;
  let chunk0 = chunk / params.chunks1;
  let chunk1 = chunk - chunk0 * params.chunks1;
  let base = kept_position(4u * (id - chunk * fours)) / 4u;
  let stride = params.stride1 / 4u;
  let turn = params.chunks1 * stride;
  var acc0 = vec4f(start());
  var acc1 = acc0;
  for (var i0 = chunk0; i0 < params.extent0; i0 += params.chunks0) {
    var at = base + i0 * (params.stride0 / 4u) + chunk1 * stride;
    var i1 = chunk1;
    for (; i1 + params.chunks1 < params.extent1; i1 += 2u * params.chunks1) {
      acc0 = step_four(acc0, value(at));
      acc1 = step_four(acc1, value(at + turn));
      at += 2u * turn;
    }
    if i1 < params.extent1 { acc0 = step_four(acc0, value(at)); }
  }
  out[id] = vec4<Out0>(ended(step_four(acc0, acc1), 4u * id));
}
//% end

//% entry block
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;

var<workgroup> exchange: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn block(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) lane: u32) {
  let id = group_index(wid, groups);
  if id >= params.outputs { return; }
  let base = kept_position(id);
  var acc = start();
  // From one value of a lane to its next: this many rows and columns on; past a row's end, it continues at the next row's beginning.
  let rows = LANES / params.extent1;
  let columns = LANES - rows * params.extent1;
  let step = rows * params.stride0 + columns * params.stride1;
  let next_row = params.stride0 - params.extent1 * params.stride1;
  let row = lane / params.extent1;
  var column = lane - row * params.extent1;
  var at = base + row * params.stride0 + column * params.stride1;
  for (var i = lane; i < params.extent0 * params.extent1; i += LANES) {
    acc = step_with(acc, value(at));
    column += columns;
    at += step;
    if column >= params.extent1 {
      column -= params.extent1;
      at += next_row;
    }
  }
  exchange[lane] = acc;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half { exchange[lane] = step_with(exchange[lane], exchange[lane + half]); }
  }
  if lane == 0u { out[id] = Out0(ended(exchange[0], id)); }
}
//% end

//% entry arg
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

@compute @workgroup_size(LANES)
fn arg(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * LANES + local;
  if id >= params.outputs { return; }
  let block = id / params.stride;
  let start_at = block * params.stride * params.extent + (id - block * params.stride);
  var best = f32(x[start_at]);
  var best_index = 0u;
  for (var i = 1u; i < params.extent; i++) {
    let v = f32(x[start_at + i * params.stride]);
    if step_with(best, v) > 0.5 {
      best = v;
      best_index = i;
    }
  }
  out[id] = i32(best_index);
}
//% end

//% entry arg_lines
@group(0) @binding(1) var<storage, read_write> out: array<i32>;

struct Best {
  value: f32,
  index: u32,
}

// The first of equals: if neither beats the other, the smaller index.
fn better(a: Best, b: Best) -> Best {
  let beats = step_with(a.value, b.value) > 0.5;
  let first = step_with(b.value, a.value) < 0.5 && b.index < a.index;
  if beats || first { return b; }
  return a;
}

//% if !SUBGROUPS
var<workgroup> exchange: array<Best, LANES>;
//% end

@compute @workgroup_size(LANES)
fn arg_lines(
  @builtin(workgroup_id) wid: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  //% if SUBGROUPS
  @builtin(subgroup_invocation_id) lane: u32,
  //% else
  @builtin(local_invocation_index) lane: u32,
  //% end
) {
  let id = group_index(wid, groups);
  if id >= params.outputs { return; }
  // Lanes beyond the line's end start with its first value, which cannot win against itself.
  //% if FOURS
  let fours = params.extent / 4u;
  let row = id * fours;
  var best = Best(f32(x[row].x), 0u);
  for (var i = lane; i < fours; i += LANES) {
    let v = vec4f(x[row + i]);
    if step_with(best.value, v.x) > 0.5 { best = Best(v.x, 4u * i); }
    if step_with(best.value, v.y) > 0.5 { best = Best(v.y, 4u * i + 1u); }
    if step_with(best.value, v.z) > 0.5 { best = Best(v.z, 4u * i + 2u); }
    if step_with(best.value, v.w) > 0.5 { best = Best(v.w, 4u * i + 3u); }
  }
  //% else
  let row = id * params.extent;
  var best = Best(f32(x[row]), 0u);
  for (var i = lane; i < params.extent; i += LANES) {
    let v = f32(x[row + i]);
    if step_with(best.value, v) > 0.5 { best = Best(v, i); }
  }
  //% end
  //% if SUBGROUPS
  //% if LANES > 16
  best = better(best, Best(subgroupShuffleXor(best.value, 16u), subgroupShuffleXor(best.index, 16u)));
  //% end
  //% if LANES > 8
  best = better(best, Best(subgroupShuffleXor(best.value, 8u), subgroupShuffleXor(best.index, 8u)));
  //% end
  //% if LANES > 4
  best = better(best, Best(subgroupShuffleXor(best.value, 4u), subgroupShuffleXor(best.index, 4u)));
  //% end
  best = better(best, Best(subgroupShuffleXor(best.value, 2u), subgroupShuffleXor(best.index, 2u)));
  best = better(best, Best(subgroupShuffleXor(best.value, 1u), subgroupShuffleXor(best.index, 1u)));
  //% else
  exchange[lane] = best;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half { exchange[lane] = better(exchange[lane], exchange[lane + half]); }
  }
  if lane == 0u { best = exchange[0]; }
  //% end
  if lane == 0u { out[id] = i32(best.index); }
}
//% end
