// The second half of a contraction whose sums were split: adds up the parts, which lie one after the other, always in
// the same order. With many parts, LANES threads take every LANES-th of them, and what they have is added up in pairs.
// Host constants: WORKGROUP, LANES, FUSED.

@group(0) @binding(1) var<storage, read_write> c: array<Out0>;
@group(0) @binding(2) var<storage, read> partial: array<In0>;

//% let OUTPUTS = WORKGROUP / LANES
//% if LANES > 1
var<workgroup> exchange: array<f32, WORKGROUP>;
//% end

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group_index(id, groups) * ${OUTPUTS}u + local % ${OUTPUTS}u;
  //% if LANES == 1
  if index >= params.outputs { return; }
  var sum = 0.0;
  for (var part = 0u; part < params.parts; part++) {
    sum += f32(partial[part * params.outputs + index]);
  }
  //% else
  let lane = local / ${OUTPUTS}u;
  let own = min(index, params.outputs - 1u);
  let step = LANES * params.outputs;
  var at = lane * params.outputs + own;
  var part = lane;
  var sum = 0.0;
  // Four at a time: loads that do not wait for each other.
  for (; part + 3u * LANES < params.parts; part += 4u * LANES) {
    sum += (f32(partial[at]) + f32(partial[at + step])) + (f32(partial[at + 2u * step]) + f32(partial[at + 3u * step]));
    at += 4u * step;
  }
  for (; part < params.parts; part += LANES) {
    sum += f32(partial[at]);
    at += step;
  }
  exchange[local] = sum;
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if lane < half { exchange[local] += exchange[local + half * ${OUTPUTS}u]; }
  }
  if lane > 0u || index >= params.outputs { return; }
  sum = exchange[local];
  //% end
  //% if FUSED
  c[index] = Out0(finish(sum, index));
  //% else
  c[index] = Out0(sum);
  //% end
}
