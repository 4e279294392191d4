// Put before every kernel.

// A count of workgroups may exceed 65,535, the limit of one dimension: the host spreads it over x and y.
fn group_index(id: vec3u, groups: vec3u) -> u32 {
  return id.y * groups.x + id.x;
}

// A compiler may assume that no float is NaN or infinite. Then it takes x != x for false, turns !(a < b) into a >= b, and rules out
// some bits of a computed value. So NaN and infinity are detected by their bits, and these go through an exclusive-or with a zero
// that is read from memory.

fn bits_of(x: f32) -> u32 {
  return bitcast<u32>(x) ^ params.opaque_zero;
}

fn from_bits(bits: u32) -> f32 {
  return bitcast<f32>(bits ^ params.opaque_zero);
}

// The value itself. Later computations cannot be contracted with, or cancelled against, those that it came from.
fn optimization_barrier(v: f32) -> f32 {
  return bitcast<f32>(bits_of(v));
}

fn nan() -> f32 {
  return from_bits(0x7fc00000u);
}

fn infinity() -> f32 {
  return from_bits(0x7f800000u);
}

fn is_nan(x: f32) -> bool {
  return (bits_of(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_infinite(x: f32) -> bool {
  return (bits_of(x) & 0x7fffffffu) == 0x7f800000u;
}

// For values given to an op, that is, from memory or through the barrier. No compiler knows the bits of such a float anyway, and
// the zero is a load that some drivers repeat each time.
fn given_bits(x: f32) -> u32 {
  return bitcast<u32>(x);
}

fn is_given_nan(x: f32) -> bool {
  return (given_bits(x) & 0x7fffffffu) > 0x7f800000u;
}

fn is_given_zero(x: f32) -> bool {
  return (given_bits(x) << 1u) == 0u;
}

// Above 0; not NaN.
fn is_given_positive(x: f32) -> bool {
  return given_bits(x) - 1u < 0x7f800000u;
}

// Below 0, or -0; not NaN.
fn is_given_negative(x: f32) -> bool {
  return given_bits(x) - 0x80000000u <= 0x7f800000u;
}

// The smaller operand, or NaN if one of them is NaN. It is chosen as bits, so the result counts as given itself.
fn lesser(a: f32, b: f32) -> f32 {
  let number = select(given_bits(b), given_bits(a), a <= b);
  return bitcast<f32>(select(select(number, given_bits(b), is_given_nan(b)), given_bits(a), is_given_nan(a)));
}

fn greater(a: f32, b: f32) -> f32 {
  let number = select(given_bits(b), given_bits(a), a >= b);
  return bitcast<f32>(select(select(number, given_bits(b), is_given_nan(b)), given_bits(a), is_given_nan(a)));
}

fn have_order(a: f32, b: f32) -> bool {
  return !is_given_nan(a) && !is_given_nan(b);
}

fn equals(a: f32, b: f32) -> bool {
  return a == b && have_order(a, b);
}

fn is_less(a: f32, b: f32) -> bool {
  return a < b && have_order(a, b);
}

fn is_at_most(a: f32, b: f32) -> bool {
  return a <= b && have_order(a, b);
}

// WGSL leaves exp and log of NaN, and log of 0 and below, to the driver: SwiftShader has exp(NaN) = inf, log(0) = -88
// and log(NaN) = 89, which would hide that a loss has become NaN.
fn safe_exp(x: f32) -> f32 {
  return select(exp(x), x, is_nan(x));
}

fn safe_log(x: f32) -> f32 {
  let bits = bits_of(x);
  if bits - 1u < 0x7f7fffffu { return log(x); } // positive and finite
  if (bits << 1u) == 0u { return -infinity(); }
  return select(x, nan(), bits > 0x80000000u); // infinity and NaN as they are
}

// Functions of the elementwise ops' expressions, which may be merged into any kernel ------------------------------------

fn sigmoid(a: f32) -> f32 {
  let e = safe_exp(-abs(a));
  return select(e, 1.0, a >= 0.0) / (1.0 + e);
}

// Through exp(-2|a|), which cannot overflow: a driver's own tanh may return NaN for large arguments.
fn safe_tanh(a: f32) -> f32 {
  let x = abs(a);
  if x < 0.05 {
    // 1 - e would cancel here; the odd series is exact to rounding.
    let q = a * a;
    return a * (1.0 - q * (0.33333333 - q * (0.13333333 - q * 0.053968254)));
  }
  let e = safe_exp(-2.0 * x);
  return sign(a) * (1.0 - e) / (1.0 + e);
}

fn softplus(a: f32) -> f32 {
  return max(a, 0.0) + log1p_accurate(safe_exp(-abs(a)));
}

// log(1 + a) for small a too, where log itself is only good to 2^-21 absolute: 2 atanh(a / (2 + a)) as a series.
fn log1p_accurate(a: f32) -> f32 {
  if abs(a) > 0.4 || is_nan(a) { return safe_log(1.0 + a); }
  let s = a / (2.0 + a);
  let q = s * s;
  return s * (2.0 + q * (0.6666667 + q * (0.4 + q * (0.2857143 + q * (0.22222222 + q * 0.18181819)))));
}

// exp(a) - 1 for small a too, where the difference would cancel.
fn expm1_accurate(a: f32) -> f32 {
  if abs(a) > 0.35 || is_nan(a) { return safe_exp(a) - 1.0; }
  return a * (1.0 + a * (0.5 + a * (0.16666667 + a * (0.041666667 + a * (0.0083333333 + a * 0.0013888889)))));
}

// The normal distribution function: its tail is the density times t P(t), where t = 1 / (1 + 0.4 |a| / sqrt(2)) as in
// Hastings's approximations; the polynomial is fitted to the tail's relative error, 1.3e-7 at most.
fn normal_cdf(a: f32) -> f32 {
  let x = abs(a);
  let t = 1.0 / (1.0 + 0.28284271 * x);
  let p = t * (0.11283793 + t * (0.11283479 + t * (0.10392153 + t * (0.084269712 + t * (0.070720417 + t *
    (-0.0028134623 + t * (0.084553989 + t * (-0.091457629 + t * 0.025132786))))))));
  let tail = safe_exp(-0.5 * x * x) * p;
  return select(tail, 1.0 - tail, a > 0.0);
}

// WGSL's pow is undefined for a negative base; mathematics is not, for a whole exponent. Drivers differ at 0, at
// infinity and for NaN, so those are detected by their bits. As in JavaScript, an infinite power of 1 is NaN.
fn signed_pow(a: f32, b: f32) -> f32 {
  if is_nan(b) { return nan(); }
  if b == 0.0 { return 1.0; }
  if is_nan(a) { return nan(); }
  if b == 1.0 { return a; }
  if b == 2.0 { return a * a; }
  let x = abs(a);
  let infinite = is_infinite(a);
  if is_infinite(b) {
    if x == 1.0 { return nan(); }
    return select(0.0, infinity(), (x > 1.0) == (b > 0.0));
  }
  let negative = bits_of(a) >= 0x80000000u;
  let odd = abs(b) % 2.0 == 1.0;
  if a < 0.0 && !infinite && floor(b) != b { return nan(); }
  var magnitude = pow(x, b);
  if x == 0.0 || infinite {
    magnitude = select(0.0, infinity(), infinite == (b > 0.0));
  }
  return select(magnitude, -magnitude, negative && odd);
}
