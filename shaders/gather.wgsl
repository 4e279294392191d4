// gather and its transpose along one axis. Host constant: WORKGROUP.

@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> index: array<i32>;

// Position in the values, in the index, and (for scatter_add) along the axis, of output element i.
fn positions(i: u32) -> vec3u {
  var rest = i;
  var at = vec3u(0u);
  for (var axis = i32(params.rank) - 1; axis >= 0; axis--) {
    let word = axis / 4;
    let lane = axis % 4;
    let extent = params.shape[word][lane];
    let next = rest / extent;
    let digit = rest - next * extent;
    rest = next;
    at.x += digit * params.value_strides[word][lane];
    at.y += digit * params.index_strides[word][lane];
    //% entry scatter_add
    at.z += digit * params.axis_strides[word][lane];
    //% end
  }
  return at;
}

//% entry gather
@compute @workgroup_size(WORKGROUP)
fn gather(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  let at = positions(id);
  let j = index[at.y];
  let valid = j >= 0 && u32(j) < params.extent;
  let value = values[at.x + select(0u, u32(j), valid) * params.stride];
  out[id] = select(nan(), value, valid);
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
