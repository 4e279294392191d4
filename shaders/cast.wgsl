// Conversion of the element type, from In0 to Out0. WGSL's conversions to integers truncate and saturate, and may turn NaN into
// anything; those to f16 round. Host constants: WORKGROUP, BYTES (the source packs four uint8 into a word), FOURS (a thread does
// four), TO_INTEGERS (of floats).

//% if FOURS
@group(0) @binding(1) var<storage, read_write> out: array<vec4<Out0>>;
//% else
@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
//% end
//% if FOURS && !BYTES
@group(0) @binding(2) var<storage, read> x: array<vec4<In0>>;
//% else
@group(0) @binding(2) var<storage, read> x: array<In0>;
//% end

fn converted(value: In0) -> Out0 {
  //% if TO_INTEGERS
  return select(Out0(value), Out0(0), is_nan(f32(value)));
  //% else
  return Out0(value);
  //% end
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.items { return; }
  //% if FOURS
  //% if BYTES
  let word = vec4u(u32(x[id]));
  out[id] = vec4<Out0>((word >> vec4u(0u, 8u, 16u, 24u)) & vec4u(0xffu));
  //% else
  let four = x[id];
  out[id] = vec4<Out0>(converted(four.x), converted(four.y), converted(four.z), converted(four.w));
  //% end
  //% else
  //% if BYTES
  out[id] = Out0((u32(x[id / 4u]) >> (8u * (id % 4u))) & 0xffu);
  //% else
  out[id] = converted(x[id]);
  //% end
  //% end
}
