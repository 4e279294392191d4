// Optimizer steps over flat buffers: one launch updates every parameter; they are padded to whole
// vectors, of which a workgroup takes WORKGROUP * ITEMS neighbours. Host constants: WORKGROUP, ITEMS.
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
  let lr = settings[0];
  let betas = vec2f(settings[1], settings[2]);
  let epsilon = settings[3];
  let decay = settings[4];
  let rests = vec2f(settings[5], settings[6]);
  let decoupled = settings[7] > 0.5;
  let bias = vec2f(clock[1], clock[2]);
  var i = group_index(wid, groups) * WORKGROUP * ITEMS + local;
  for (var item = 0u; item < ITEMS && i < params.size; item++) {
    var p = parameters[i];
    var g = gradients[i];
    if decoupled {
      p -= lr * decay * p;
    } else {
      g += decay * p;
    }
    let m_now = betas.x * m[i] + rests.x * g;
    let v_now = betas.y * v[i] + rests.y * g * g;
    m[i] = m_now;
    v[i] = v_now;
    parameters[i] = p - lr / bias.x * m_now / (sqrt(v_now) / sqrt(bias.y) + epsilon);
    i += WORKGROUP;
  }
}
//% end

//% entry sgd
@group(0) @binding(1) var<storage, read_write> parameters: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> velocity: array<vec4f>;
@group(0) @binding(3) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(4) var<storage, read> settings: array<f32>;

@compute @workgroup_size(WORKGROUP)
fn sgd(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let lr = settings[0];
  let momentum = settings[1];
  let decay = settings[2];
  let nesterov = settings[3] > 0.5;
  var i = group_index(wid, groups) * WORKGROUP * ITEMS + local;
  for (var item = 0u; item < ITEMS && i < params.size; item++) {
    let p = parameters[i];
    let g = gradients[i] + decay * p;
    let now = momentum * velocity[i] + g;
    velocity[i] = now;
    parameters[i] = p - lr * select(now, g + momentum * now, nesterov);
    i += WORKGROUP;
  }
}
//% end
