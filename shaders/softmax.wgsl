//% if SUBGROUPS
enable subgroups;
//% end
// Softmax and its logarithm along one axis in three sweeps (maximum, total, result), computed in float32.
//
//   lines    a workgroup a line, where the axis is contiguous: its lanes take every LANES-th value or vec4 (FOURS), and
//            exchange maxima and totals through the subgroup (SUBGROUPS: the workgroup is one) or shared memory
//   columns  a thread a line, or four neighbouring lines (FOURS), where the axis is not the last
//
// Host constants: LANES, LOG, FOURS, SUBGROUPS.

//% if FOURS
alias Value = vec4f;
alias Stored = vec4<Out0>;
@group(0) @binding(1) var<storage, read_write> out: array<vec4<Out0>>;
@group(0) @binding(2) var<storage, read> x: array<vec4<In0>>;

fn exponential(v: vec4f) -> vec4f { return vec4f(safe_exp(v.x), safe_exp(v.y), safe_exp(v.z), safe_exp(v.w)); }
fn logarithm(v: vec4f) -> vec4f { return vec4f(safe_log(v.x), safe_log(v.y), safe_log(v.z), safe_log(v.w)); }
const WIDTH = 4u;
//% else
alias Value = f32;
alias Stored = Out0;
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
@group(0) @binding(2) var<storage, read> x: array<In0>;

fn exponential(v: f32) -> f32 { return safe_exp(v); }
fn logarithm(v: f32) -> f32 { return safe_log(v); }
const WIDTH = 1u;
//% end

//% entry lines
//% if !SUBGROUPS
var<workgroup> exchange: array<f32, LANES>;
//% end

fn combined(lane: u32, mine: f32, adds: bool) -> f32 {
  var value = mine;
  //% if SUBGROUPS
  for (var step = LANES / 2u; step > 0u; step /= 2u) {
    let other = subgroupShuffleXor(value, step);
    value = select(max(value, other), value + other, adds);
  }
  //% else
  workgroupBarrier();
  exchange[lane] = value;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half {
      exchange[lane] = select(max(exchange[lane], exchange[lane + half]), exchange[lane] + exchange[lane + half], adds);
    }
  }
  workgroupBarrier();
  value = exchange[0];
  //% end
  return value;
}

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
  let line = group_index(wid, groups);
  if line >= params.lines { return; }
  let extent = params.extent / WIDTH;
  let base = line * extent;
  var greatest = Value(x[base]);
  for (var i = lane; i < extent; i += LANES) {
    greatest = max(greatest, Value(x[base + i]));
  }
  //% if FOURS
  let top = combined(lane, max(max(greatest.x, greatest.y), max(greatest.z, greatest.w)), false);
  //% else
  let top = combined(lane, greatest, false);
  //% end
  var total = Value();
  for (var i = lane; i < extent; i += LANES) {
    total += exponential(Value(x[base + i]) - top);
  }
  //% if FOURS
  let all = combined(lane, (total.x + total.y) + (total.z + total.w), true);
  //% else
  let all = combined(lane, total, true);
  //% end
  let log_all = safe_log(all);
  for (var i = lane; i < extent; i += LANES) {
    let shifted = Value(x[base + i]) - top;
    if LOG {
      out[base + i] = Stored(shifted - log_all);
    } else {
      out[base + i] = Stored(exp(shifted) / all);
    }
  }
}
//% else
@compute @workgroup_size(LANES)
fn columns(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let line = group_index(wid, groups) * LANES + local;
  if line >= params.lines / WIDTH { return; }
  let stride = params.stride / WIDTH;
  let block = line / stride;
  let base = block * stride * params.extent + (line - block * stride);
  var greatest = Value(x[base]);
  for (var i = 1u; i < params.extent; i++) {
    greatest = max(greatest, Value(x[base + i * stride]));
  }
  // By blocks, since one long sum would accumulate more rounding errors.
  var total = Value();
  for (var first = 0u; first < params.extent; first += 64u) {
    var block_total = Value();
    for (var i = first; i < min(first + 64u, params.extent); i++) {
      block_total += exponential(Value(x[base + i * stride]) - greatest);
    }
    total += block_total;
  }
  let log_total = logarithm(total);
  for (var i = 0u; i < params.extent; i++) {
    let at = base + i * stride;
    let shifted = Value(x[at]) - greatest;
    if LOG {
      out[at] = Stored(shifted - log_total);
    } else {
      out[at] = Stored(exp(shifted) / total);
    }
  }
}
//% end
