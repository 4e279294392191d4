// Several elementwise ops in one launch (webgpu/passes/merge-chains.ts). The host appends the inputs and `value(i)`, which computes
// element i or, with VECTORS, the four from 4i on. Other host constants: WORKGROUP, ITEMS (how many of these a thread does).

//% if VECTORS
@group(0) @binding(1) var<storage, read_write> out: array<vec4f>;
//% else
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
//% end

// A workgroup covers WORKGROUP * ITEMS neighbours, each thread every WORKGROUP-th of them.
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var i = group_index(wid, groups) * WORKGROUP * ITEMS + local;
  for (var item = 0u; item < ITEMS && i < params.items; item++) {
    out[i] = value(i);
    i += WORKGROUP;
  }
}
