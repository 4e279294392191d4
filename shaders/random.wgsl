// Threefry2x32-20 (Salmon et al. 2011): two words per block, a block a thread. Host constant: WORKGROUP.
// Rotations and the key parity constant are those of Random123, against whose known answers the tests check.

@group(0) @binding(1) var<storage, read_write> words: array<u32>;
@group(0) @binding(1) var<storage, read_write> floats: array<f32>;
@group(0) @binding(2) var<storage, read> state: array<u32>; // key (2), counter (low, high)

fn four_rounds(x: vec2u, r: vec4u) -> vec2u {
  var v = x;
  for (var i = 0u; i < 4u; i++) {
    v.x += v.y;
    v.y = ((v.y << r[i]) | (v.y >> (32u - r[i]))) ^ v.x;
  }
  return v;
}

fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let parity = 0x1bd11bdau ^ key.x ^ key.y;
  let even = vec4u(13u, 15u, 26u, 6u);
  let odd = vec4u(17u, 29u, 16u, 24u);
  var x = four_rounds(counter + key, even) + vec2u(key.y, parity + 1u);
  x = four_rounds(x, odd) + vec2u(parity, key.x + 2u);
  x = four_rounds(x, even) + vec2u(key.x, key.y + 3u);
  x = four_rounds(x, odd) + vec2u(key.y, parity + 4u);
  return four_rounds(x, even) + vec2u(parity, key.x + 5u);
}

fn block(index: u32) -> vec2u {
  let low = state[2] + index;
  let carry = select(0u, 1u, low < index);
  return threefry(vec2u(state[0], state[1]), vec2u(low, state[3] + carry));
}

// The upper 24 bits as a number in [0, 1).
fn unit(bits: u32) -> f32 {
  return f32(bits >> 8u) * 0x1p-24;
}

//% entry bits
@compute @workgroup_size(WORKGROUP)
fn bits(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if 2u * id >= params.size { return; }
  let pair = block(id);
  words[2u * id] = pair.x;
  if 2u * id + 1u < params.size { words[2u * id + 1u] = pair.y; }
}
//% end

//% entry uniform_numbers
@compute @workgroup_size(WORKGROUP)
fn uniform_numbers(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if 2u * id >= params.size { return; }
  let pair = block(id);
  floats[2u * id] = unit(pair.x);
  if 2u * id + 1u < params.size { floats[2u * id + 1u] = unit(pair.y); }
}
//% end

//% entry normal
// Sine and cosine of a number of quarter turns and a rest within a quarter of pi, to an ulp or two: WGSL's own need only be good
// to 2^-11. The polynomials have the least possible maximum of the relative error.
fn sin_cos(quarters: f32, rest: f32) -> vec2f {
  let q = rest * rest;
  let s = rest + rest * q * (-0.166666546 + q * (0.00833216076 - q * 0.000195152832));
  let c = 1.0 + q * (-0.5 + q * (0.0416666457 + q * (-0.00138873163 + q * 2.44331569e-5)));
  let k = i32(quarters);
  let exchanged = select(vec2f(s, c), vec2f(c, s), (k & 1) == 1);
  return select(exchanged, -exchanged, vec2<bool>((k & 2) == 2, ((k + 1) & 2) == 2));
}

// Box and Muller's transform: two words make two independent normal numbers. The angle, in turns, is turned back by a half and
// the signs are changed, so that its remainder by quarters is exact and small.
@compute @workgroup_size(WORKGROUP)
fn normal(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if 2u * id >= params.size { return; }
  let pair = block(id);
  let radius = -sqrt(-2.0 * log1p_accurate(-unit(pair.x)));
  let turns = unit(pair.y) - 0.5;
  let quarters = round(4.0 * turns);
  let angle = sin_cos(quarters, 6.28318531 * (turns - 0.25 * quarters));
  floats[2u * id] = radius * angle.y;
  if 2u * id + 1u < params.size { floats[2u * id + 1u] = radius * angle.x; }
}
//% end

//% entry advance
@compute @workgroup_size(1)
fn advance() {
  let before = words[params.index];
  words[params.index] = before + params.by;
  if before + params.by < before {
    words[params.index + 1u] += 1u;
  }
}
//% end
