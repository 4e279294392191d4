// gather and its transpose along one axis. Host constant: WORKGROUP.

struct Params {
  size: u32,
  rank: u32,
  extent: u32, // of the indexed axis
  stride: u32, // of the values along the axis
  count: u32, // scatter_add: values along the axis
  index_stride: u32,
  unused0: u32,
  unused1: u32,
  shape: array<vec4u, 2>,
  value_strides: array<vec4u, 2>,
  index_strides: array<vec4u, 2>,
  axis_strides: array<vec4u, 2>,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> index: array<i32>;

// Position in the values, in the index, and along the axis, of output element i.
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
    at += digit * vec3u(params.value_strides[word][lane], params.index_strides[word][lane], params.axis_strides[word][lane]);
  }
  return at;
}

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
