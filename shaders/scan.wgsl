//% if SUBGROUPS
enable subgroups;
//% end
// Running sums along one axis, in float32 and in a fixed order. If there are too few lines for the adapter, each is cut into
// chunks: a first launch adds up every chunk but the last (TOTALS: [chunk, line]), those totals are scanned in turn, and a
// second launch goes over the chunks again, each from the sum of what comes before it (OFFSETS). This is reduce-then-scan
// (Merrill and Grimshaw 2009), which needs no thread to wait for another of the same launch.
//
//   lines    a workgroup for each (line, chunk), where the axis is contiguous: its lanes read neighbouring values or vec4s
//            (FOURS), and exchange their sums through the subgroup (SUBGROUPS: the workgroup is one) or shared memory
//   columns  a thread for each (line, chunk), or for four neighbouring lines (FOURS)
//
// Host constants: LANES, FOURS, SUBGROUPS, REVERSE (from the end of each line), TOTALS, OFFSETS.

//% if FOURS
alias Value = vec4f;
const WIDTH = 4u;
@group(0) @binding(2) var<storage, read> x: array<vec4<In0>>;
//% else
alias Value = f32;
const WIDTH = 1u;
@group(0) @binding(2) var<storage, read> x: array<In0>;
//% end

//% entry columns
//% if FOURS
@group(0) @binding(1) var<storage, read_write> out: array<vec4<Out0>>;
fn stored(v: vec4f) -> vec4<Out0> { return vec4<Out0>(v); }
//% else
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
fn stored(v: f32) -> Out0 { return Out0(v); }
//% end
//% if OFFSETS && FOURS
@group(0) @binding(3) var<storage, read> offsets: array<vec4f>;
//% end
//% if OFFSETS && !FOURS
@group(0) @binding(3) var<storage, read> offsets: array<f32>;
//% end

@compute @workgroup_size(LANES)
fn columns(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * LANES + local;
  let lines = params.lines / WIDTH;
  if id >= lines * params.chunks { return; }
  let chunk = id / lines;
  let line = id - chunk * lines;
  let stride = params.stride / WIDTH;
  let block = line / stride;
  let base = block * stride * params.extent + (line - block * stride);
  var before = Value();
  //% if OFFSETS
  if chunk > 0u { before = offsets[id - lines]; }
  //% end
  let end = min((chunk + 1u) * params.length, params.extent);
  // By blocks, since one long sum would accumulate more rounding errors.
  for (var first = chunk * params.length; first < end; first += 64u) {
    var sum = Value();
    for (var i = first; i < min(first + 64u, end); i++) {
      let at = base + select(i, params.extent - 1u - i, REVERSE) * stride;
      sum += Value(x[at]);
      //% if !TOTALS
      out[at] = stored(before + sum);
      //% end
    }
    before += sum;
  }
  //% if TOTALS
  out[id] = stored(before);
  //% end
}
//% end

//% entry lines
//% if FOURS && !TOTALS
@group(0) @binding(1) var<storage, read_write> out: array<vec4<Out0>>;
//% else
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
//% end
//% if OFFSETS
@group(0) @binding(3) var<storage, read> offsets: array<f32>;
//% end

//% if FOURS
// In the order of the scan, summed up within.
fn sums(at: u32) -> vec4f {
  var v = vec4f(x[at]);
  if REVERSE { v = v.wzyx; }
  v.y += v.x;
  v.z += v.y;
  v.w += v.z;
  return v;
}
fn last(v: vec4f) -> f32 { return v.w; }
fn stored(v: vec4f) -> vec4<Out0> {
  if REVERSE { return vec4<Out0>(v.wzyx); }
  return vec4<Out0>(v);
}
//% else
fn sums(at: u32) -> f32 { return f32(x[at]); }
fn last(v: f32) -> f32 { return v; }
fn stored(v: f32) -> Out0 { return Out0(v); }
//% end

//% if !SUBGROUPS
var<workgroup> exchange: array<f32, LANES>;
//% end

// The sum of the lanes before this one, and that of all of them (Hillis and
// Steele 1986).
fn over_lanes(lane: u32, mine: f32) -> vec2f {
  var sum = mine;
  //% if SUBGROUPS
  for (var step = 1u; step < LANES; step *= 2u) {
    let other = subgroupShuffleUp(sum, step);
    if lane >= step { sum += other; }
  }
  let before = subgroupShuffleUp(sum, 1u);
  return vec2f(select(0.0, before, lane > 0u), subgroupShuffle(sum, LANES - 1u));
  //% else
  workgroupBarrier();
  exchange[lane] = sum;
  for (var step = 1u; step < LANES; step *= 2u) {
    workgroupBarrier();
    var other = 0.0;
    if lane >= step { other = exchange[lane - step]; }
    workgroupBarrier();
    sum += other;
    exchange[lane] = sum;
  }
  workgroupBarrier();
  var before = 0.0;
  if lane > 0u { before = exchange[lane - 1u]; }
  return vec2f(before, exchange[LANES - 1u]);
  //% end
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
  let id = group_index(wid, groups);
  if id >= params.lines * params.chunks { return; }
  let chunk = id / params.lines;
  let line = id - chunk * params.lines;
  let extent = params.extent / WIDTH;
  let base = line * extent;
  var before = 0.0;
  //% if OFFSETS
  if chunk > 0u { before = offsets[id - params.lines]; }
  //% end
  let length = params.length / WIDTH;
  let end = min((chunk + 1u) * length, extent);
  for (var first = chunk * length; first < end; first += LANES) {
    let i = first + lane;
    let at = base + select(i, extent - 1u - i, REVERSE);
    var mine = Value();
    if i < end { mine = sums(at); }
    let others = over_lanes(lane, last(mine));
    //% if !TOTALS
    if i < end { out[at] = stored(before + (others.x + mine)); }
    //% end
    before += others.y;
  }
  //% if TOTALS
  if lane == 0u { out[id] = Out0(before); }
  //% end
}
//% end
