// Pooling and its gradients, a thread for each element of the output. What is pooled, and what came of it, are planes (one
// for each image and channel) of params.image and of params.pooled rows and columns. Host constants: WORKGROUP, FUSED (what
// is stored goes through finish(), which the host appends), COUNT_PAD (the padding counts among what is averaged).

//% entry indices
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
//% else
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
//% end
@group(0) @binding(2) var<storage, read> x: array<In0>;
//% entry gather, scatter
@group(0) @binding(3) var<storage, read> indices: array<i32>;
//% end

//% entry maximum, gather, scatter, average, spread
fn store(at: u32, value: f32) {
  //% if FUSED
  out[at] = Out0(finish(value, at));
  //% else
  out[at] = Out0(value);
  //% end
}
//% end

// Plane, row and column of element i, where a plane has these rows and columns.
fn digits_of(i: u32, extents: vec2i) -> vec3i {
  let row = i32(i) / extents.y;
  let plane = row / extents.x;
  return vec3i(plane, row - plane * extents.x, i32(i) - row * extents.y);
}

//% entry maximum, indices
// The pixel of the first maximum, or of the first NaN, as its number in the plane; -1 where all taps miss the image.
fn first_maximum(base: i32, first: vec2i) -> i32 {
  var best = -1;
  var best_value = -infinity();
  for (var i = 0; i < params.kernel.x; i++) {
    let h = first.x + i * params.dilation.x;
    if h < 0 || h >= params.image.x { continue; }
    for (var j = 0; j < params.kernel.y; j++) {
      let w = first.y + j * params.dilation.y;
      if w < 0 || w >= params.image.y { continue; }
      let pixel = h * params.image.y + w;
      let value = f32(x[base + pixel]);
      if best < 0 || (!is_nan(best_value) && (value > best_value || is_nan(value))) {
        best = pixel;
        best_value = value;
      }
    }
  }
  return best;
}
//% end

//% entry average, spread
// What the sum of the window at an output is divided by.
fn divisor_of(output: vec2i) -> f32 {
  let start = output * params.stride - params.padding;
  let end = min(start + params.kernel, params.image + params.padding);
  //% if COUNT_PAD
  let counted = end - start;
  //% else
  let counted = min(end, params.image) - max(start, vec2i(0));
  //% end
  return f32(counted.x * counted.y);
}
//% end

//% entry scatter, spread
// The first and the last output whose window reaches a pixel along each axis, in x and y, and in z and w.
fn outputs_of(pixel: vec2i) -> vec4i {
  let reach = (params.kernel - 1) * params.dilation;
  let last = min((pixel + params.padding) / params.stride, params.pooled - 1);
  let before = max(pixel + params.padding - reach, vec2i(0));
  return vec4i((before + params.stride - 1) / params.stride, last);
}
//% end

//% entry maximum
@compute @workgroup_size(WORKGROUP)
fn maximum(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = digits_of(id, params.pooled);
  let base = at.x * params.image.x * params.image.y;
  let best = first_maximum(base, at.yz * params.stride - params.padding);
  var value = -infinity();
  if best >= 0 { value = f32(x[base + best]); }
  store(id, value);
}
//% end

//% entry indices
@compute @workgroup_size(WORKGROUP)
fn indices(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = digits_of(id, params.pooled);
  out[id] = first_maximum(at.x * params.image.x * params.image.y, at.yz * params.stride - params.padding);
}
//% end

//% entry gather
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let plane = i32(id) / (params.pooled.x * params.pooled.y);
  let pixel = indices[id];
  store(id, select(0.0, f32(x[plane * params.image.x * params.image.y + max(pixel, 0)]), pixel >= 0));
}
//% end

//% entry scatter
// Each pixel gathers from the windows that chose it, in their order: so it is deterministic.
@compute @workgroup_size(WORKGROUP)
fn scatter(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = digits_of(id, params.image);
  let base = at.x * params.pooled.x * params.pooled.y;
  let pixel = at.y * params.image.y + at.z;
  let reached = outputs_of(at.yz);
  var sum = 0.0;
  for (var h = reached.x; h <= reached.z; h++) {
    for (var w = reached.y; w <= reached.w; w++) {
      let output = base + h * params.pooled.y + w;
      if indices[output] == pixel { sum += f32(x[output]); }
    }
  }
  store(id, sum);
}
//% end

//% entry average
@compute @workgroup_size(WORKGROUP)
fn average(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = digits_of(id, params.pooled);
  let base = at.x * params.image.x * params.image.y;
  let start = at.yz * params.stride - params.padding;
  let first = max(start, vec2i(0));
  let end = min(start + params.kernel, params.image);
  var sum = 0.0;
  for (var h = first.x; h < end.x; h++) {
    for (var w = first.y; w < end.y; w++) { sum += f32(x[base + h * params.image.y + w]); }
  }
  store(id, sum / divisor_of(at.yz));
}
//% end

//% entry spread
@compute @workgroup_size(WORKGROUP)
fn spread(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = digits_of(id, params.image);
  let base = at.x * params.pooled.x * params.pooled.y;
  let reached = outputs_of(at.yz);
  var sum = 0.0;
  for (var h = reached.x; h <= reached.z; h++) {
    for (var w = reached.y; w <= reached.w; w++) {
      sum += f32(x[base + h * params.pooled.y + w]) / divisor_of(vec2i(h, w));
    }
  }
  store(id, sum);
}
//% end
