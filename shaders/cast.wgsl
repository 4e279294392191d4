// Conversion of the element type. The host appends the aliases From and To.
// Host constants: WORKGROUP, BYTES (the source packs four uint8 into a word).

struct Params {
  size: u32,
  unused0: u32,
  unused1: u32,
  unused2: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> out: array<To>;
@group(0) @binding(2) var<storage, read> x: array<From>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  if BYTES {
    out[id] = To((u32(x[id / 4u]) >> (8u * (id % 4u))) & 0xffu);
  } else {
    out[id] = To(x[id]);
  }
}
