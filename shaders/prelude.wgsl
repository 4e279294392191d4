// Put before every kernel.

// A count of workgroups may exceed 65,535, the limit of one dimension: the host spreads it over x and y.
fn group_index(id: vec3u, groups: vec3u) -> u32 {
  return id.y * groups.x + id.x;
}

// By its bits: compilers may assume that x != x is false.
fn is_nan(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u;
}

// WGSL refuses constants that are not finite; a value it cannot fold is fine.
var<private> nan_bits: u32 = 0x7fc00000u;
fn nan() -> f32 {
  return bitcast<f32>(nan_bits);
}

var<private> infinity_bits: u32 = 0x7f800000u;
fn infinity() -> f32 {
  return bitcast<f32>(infinity_bits);
}

// WGSL leaves exp and log of NaN, and log of 0 and below, to the driver: SwiftShader has exp(NaN) = inf, log(0) = -88
// and log(NaN) = 89, which would hide that a loss has become NaN.
fn safe_exp(x: f32) -> f32 {
  return select(exp(x), x, is_nan(x));
}

fn safe_log(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if bits - 1u < 0x7f7fffffu { return log(x); } // positive and finite
  if x == 0.0 { return -infinity(); }
  return select(x, nan(), x < 0.0); // infinity and NaN as they are
}
