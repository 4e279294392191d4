// The second half of a contraction. `main`: its sums were split into parts, which lie one after the other and are always added up
// in the same order. With many parts, LANES threads each add every LANES-th of them, and their sums are added up in pairs.
// `turn`: the result is transposed; a thread turns 4 x 4 elements. Host constants: WORKGROUP, LANES, FUSED.

//% entry turn
@group(0) @binding(1) var<storage, read_write> c: array<vec4<Out0>>;
@group(0) @binding(2) var<storage, read> transposed: array<vec4<In0>>;

@compute @workgroup_size(WORKGROUP)
fn turn(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) local: u32) {
  let column = (id.x * WORKGROUP + local) * 4u;
  if column >= params.columns { return; }
  let row = id.y * 4u;
  //% for q in 0..4
  let four${q} = vec4f(transposed[((column + ${q}u) * params.rows + row) / 4u]);
  //% end
  //% for q in 0..4
  let at${q} = (row + ${q}u) * params.columns + column;
  let own${q} = vec4f(four0[${q}], four1[${q}], four2[${q}], four3[${q}]);
  //% if FUSED
  c[at${q} / 4u] = vec4<Out0>(finish(own${q}, at${q}));
  //% else
  c[at${q} / 4u] = vec4<Out0>(own${q});
  //% end
  //% end
}
//% end

//% entry main
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
//% end
