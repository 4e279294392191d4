// The places in up to three tensors that belong to an index, by its digits: a line for each, RANK of them (see lowering/digits.ts).
// Included by name.
fn positions(index: u32) -> vec3u {
  var rest = index;
  var at = vec3u(0u);
  //% for k in 1..RANK
  //% let axis = RANK - k
  let next${axis} = rest / params.axes[${axis}].w;
  at += (rest - next${axis} * params.axes[${axis}].w) * params.axes[${axis}].xyz;
  rest = next${axis};
  //% end
  return at + rest * params.axes[0].xyz;
}
