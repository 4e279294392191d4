// gather and its transpose along one axis. Host constants: WORKGROUP, ITEMS (elements per thread, every WORKGROUP-th), RANK
// (digits of an output's index).

@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> index: array<i32>;

// Positions: in the values, in the index, and (for scatter_add) along the axis, of an output element.
//% include digits

//% entry gather
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var id = group_index(wid, groups) * WORKGROUP * ITEMS + local;
  for (var item = 0u; item < ITEMS && id < params.size; item++) {
    let at = positions(id);
    let j = index[at.y];
    let valid = j >= 0 && u32(j) < params.extent;
    let value = values[at.x + select(0u, u32(j), valid) * params.stride];
    out[id] = select(nan(), value, valid);
    id += WORKGROUP;
  }
}
//% end

//% entry scatter_add
@compute @workgroup_size(WORKGROUP)
fn scatter_add(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = positions(id);
  var sum = 0.0;
  for (var j = 0u; j < params.count; j++) {
    if index[at.y + j * params.index_stride] == i32(at.z) {
      sum += values[at.x + j * params.stride];
    }
  }
  out[id] = sum;
}
//% end
