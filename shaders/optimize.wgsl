// Optimizer steps over flat buffers: one launch updates every parameter; they are padded to whole
// vectors. Host constant: WORKGROUP.
//
// Adam's clock is [steps, 1 - beta1^t, 1 - beta2^t]; its settings are [lr, beta1, beta2, epsilon, weight decay, 1 - beta1,
// 1 - beta2, decoupled], those of sgd [lr, momentum, weight decay, nesterov].

//% entry tick
@group(0) @binding(1) var<storage, read_write> clock: array<f32>;
@group(0) @binding(2) var<storage, read> settings: array<f32>;

@compute @workgroup_size(1)
fn tick() {
  clock[0] += 1.0;
  clock[1] = settings[1] * clock[1] + settings[5];
  clock[2] = settings[2] * clock[2] + settings[6];
}
//% end

//% entry adam
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> m: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> v: array<vec4f>;
@group(0) @binding(4) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(5) var<storage, read> clock: array<f32>;
@group(0) @binding(6) var<storage, read> settings: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn adam(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = group_index(wid, groups) * WORKGROUP + local;
  if i >= params.size { return; }
  let lr = settings[0];
  let decay = settings[4];
  var p = parameters[i];
  var g = gradients[i];
  if settings[7] > 0.5 {
    p -= lr * decay * p;
  } else {
    g += decay * p;
  }
  let m_now = settings[1] * m[i] + settings[5] * g;
  let v_now = settings[2] * v[i] + settings[6] * g * g;
  m[i] = m_now;
  v[i] = v_now;
  parameters[i] = p - lr / clock[1] * m_now / (sqrt(v_now) / sqrt(clock[2]) + settings[3]);
}
//% end

//% entry sgd
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> velocity: array<vec4f>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read> settings: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sgd(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let i = group_index(wid, groups) * WORKGROUP + local;
  if i >= params.size { return; }
  let g = gradients[i] + settings[2] * parameters[i];
  let now = settings[1] * velocity[i] + g;
  velocity[i] = now;
  parameters[i] -= settings[0] * select(now, g + settings[1] * now, settings[3] > 0.5);
}
//% end
