// Weights of a strided convolution, rearranged so that one contraction makes the input gradient of all stride phases:
// w [O, C, KH, KW] becomes out [C, s0, s1, O, T0, T1]. Pixel s * q + r takes from output q + first + t through tap
// r + padding - s * (first + t); where there is no such tap, the rearranged weight is 0. Host constant: WORKGROUP.

@group(0) @binding(1) var<storage, read_write> out: array<Out0>;
@group(0) @binding(2) var<storage, read> w: array<In0>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group_index(id, groups) * WORKGROUP + local;
  if index >= params.size { return; }
  var rest = index;
  let t1 = rest % params.taps.y;
  rest /= params.taps.y;
  let t0 = rest % params.taps.x;
  rest /= params.taps.x;
  let o = rest % params.outputs;
  rest /= params.outputs;
  let r1 = rest % params.stride.y;
  rest /= params.stride.y;
  let r0 = rest % params.stride.x;
  let channel = rest / params.stride.x;
  let tap = vec2i(vec2u(r0, r1)) + params.padding - vec2i(params.stride) * (params.first + vec2i(vec2u(t0, t1)));
  let exists = all(tap >= vec2i(0)) && all(tap < vec2i(params.kernel));
  let at = ((o * params.channels + channel) * params.kernel.x + u32(tap.x)) * params.kernel.y + u32(tap.y);
  out[index] = Out0(select(0.0, f32(w[select(0u, at, exists)]), exists));
}
