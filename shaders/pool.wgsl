// Pooling and its gradients. Input and result are planes (one for each image and channel) of params.image and of params.pooled
// rows and columns. A thread makes up to ITEMS neighbours of a row of the output: to start a thread costs a software adapter as
// much as a window. Host constants: WORKGROUP, ITEMS, FUSED (results go through finish(), which the host appends), COUNT_PAD (the
// average includes the padding); ROWS and COLUMNS of taps that are unrolled (one row, unless they are all: WHOLE). The taps of a
// window are the pixels under it; in a gradient, the taps of a pixel are the outputs that it reaches.

//% entry indices
@group(0) @binding(1) var<storage, read_write> out: array<i32>;
//% else
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
//% end
@group(0) @binding(2) var<storage, read> x: array<In0>;
//% entry gather, scatter
@group(0) @binding(3) var<storage, read> indices: array<i32>;
//% end

//% entry average, spread
// The divisor of the window's sum at an output.
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

//% entry maximum, scatter, average, spread, gather
alias Result = f32;
//% else
alias Result = i32;
//% end

// The result at a place of the output.
fn result(plane: i32, at: vec2i) -> Result {
  //% entry gather
  let pixel = indices[(plane * params.pooled.x + at.x) * params.pooled.y + at.y];
  return select(0.0, f32(x[plane * params.image.x * params.image.y + max(pixel, 0)]), pixel >= 0);
  //% else
  //% entry scatter, spread
  let taken = params.pooled;
  const step = vec2i(1);
  let last = vec2i(vec2u(at + params.padding) / vec2u(params.stride));
  let first = last + 1 - params.taps;
  //% else
  let taken = params.image;
  let step = params.dilation;
  let first = at * params.stride - params.padding;
  //% end
  let base = plane * taken.x * taken.y;
  //% entry maximum, indices
  var best = -1;
  var best_value = 0.0;
  //% else
  var sum = 0.0;
  //% end
  //% if WHOLE
  const i = 0;
  const j = 0;
  {
    {
  //% else
  for (var i = 0; i < params.taps.x; i++) {
    for (var j = 0; j < params.taps.y; j += i32(COLUMNS)) {
  //% end
      //% for r in 0..ROWS
      //% for c in 0..COLUMNS
      {
        let tap = vec2i(i + ${r}, j + ${c});
        let place = first + tap * step;
        //% if WHOLE
        let inside = all((place >= vec2i(0)) & (place < taken));
        //% else
        let inside = all((place >= vec2i(0)) & (place < taken) & (tap < params.taps));
        //% end
        let pixel = select(0, place.x * taken.y + place.y, inside);
        let value = f32(x[base + pixel]);
        //% entry maximum, indices
        // The first of the greatest values, or the first NaN.
        let wins = inside & ((best < 0) | (!is_given_nan(best_value) & ((value > best_value) | is_given_nan(value))));
        best = select(best, pixel, wins);
        best_value = select(best_value, value, wins);
        //% end
        //% entry average
        sum += select(0.0, value, inside);
        //% end
        //% entry spread
        let reaches = all(at < place * params.stride - params.padding + params.kernel);
        sum += select(0.0, value / divisor_of(place), inside & reaches);
        //% end
        //% entry scatter
        // Each pixel gathers from the windows that chose it, in their order, so the result is deterministic.
        sum += select(0.0, value, inside & (indices[base + pixel] == at.x * params.image.y + at.y));
        //% end
      }
      //% end
      //% end
    }
  }
  //% entry maximum
  return select(-infinity(), best_value, best >= 0);
  //% end
  //% entry indices
  return best;
  //% end
  //% entry average
  return sum / divisor_of(at);
  //% end
  //% entry scatter, spread
  return sum;
  //% end
  //% end
}

fn make(id: u32) {
  if id >= params.threads { return; }
  let above = id / params.runs;
  let plane = above / params.extents.x;
  let row = above - plane * params.extents.x;
  var column = (id - above * params.runs) * ITEMS;
  for (var left = min(ITEMS, params.extents.y - column); left > 0u; left--) {
    let at = above * params.extents.y + column;
    let value = result(i32(plane), vec2i(vec2u(row, column)));
    //% entry indices
    out[at] = value;
    //% else
    //% if FUSED
    out[at] = Out0(finish(value, at));
    //% else
    out[at] = Out0(value);
    //% end
    //% end
    column++;
  }
}

//% entry maximum
@compute @workgroup_size(WORKGROUP)
fn maximum(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end

//% entry indices
@compute @workgroup_size(WORKGROUP)
fn indices(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end

//% entry gather
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end

//% entry scatter
@compute @workgroup_size(WORKGROUP)
fn scatter(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end

//% entry average
@compute @workgroup_size(WORKGROUP)
fn average(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end

//% entry spread
@compute @workgroup_size(WORKGROUP)
fn spread(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  make(group_index(wid, groups) * WORKGROUP + local);
}
//% end
