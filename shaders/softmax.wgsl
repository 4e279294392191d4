// Softmax and its logarithm along one axis: a thread a line, three sweeps (maximum, total, result).
// Host constants: WORKGROUP, LOG.

struct Params {
  lines: u32,
  extent: u32,
  stride: u32,
  unused: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> x: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let line = group_index(wid, groups) * WORKGROUP + local;
  if line >= params.lines { return; }
  let block = line / params.stride;
  let base = block * params.stride * params.extent + (line - block * params.stride);
  var greatest = x[base];
  for (var i = 1u; i < params.extent; i++) {
    greatest = max(greatest, x[base + i * params.stride]);
  }
  var total = 0.0;
  for (var i = 0u; i < params.extent; i++) {
    total += safe_exp(x[base + i * params.stride] - greatest);
  }
  let log_total = safe_log(total);
  for (var i = 0u; i < params.extent; i++) {
    let at = base + i * params.stride;
    if LOG {
      out[at] = (x[at] - greatest) - log_total;
    } else {
      out[at] = exp(x[at] - greatest) / total;
    }
  }
}
