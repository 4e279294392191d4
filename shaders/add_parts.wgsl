// The second half of a contraction whose sums were split: adds up the parts, which lie one after the other, always in
// the same order. Host constants: WORKGROUP, FUSED.

@group(0) @binding(1) var<storage, read_write> c: array<Out0>;
@group(0) @binding(2) var<storage, read> partial: array<In0>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group_index(id, groups) * WORKGROUP + local;
  if index >= params.outputs { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.parts; part++) {
    sum += f32(partial[part * params.outputs + index]);
  }
  //% if FUSED
  c[index] = Out0(finish(sum, index));
  //% else
  c[index] = Out0(sum);
  //% end
}
