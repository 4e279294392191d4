// For a training step, on the device: the next batch of a resident uint8 dataset.
// Host constants: WORKGROUP, ITEMS.

//% entry batch, batch_fours
@group(0) @binding(2) var<storage, read> bytes: array<u32>; // batch: four pixels a word
@group(0) @binding(3) var<storage, read> order: array<u32>;
@group(0) @binding(4) var<storage, read> cursor: array<u32>;
//% end

//% entry batch
@group(0) @binding(1) var<storage, read_write> out: array<f32>;

// A row of workgroups per image, so that no thread has to divide.
@compute @workgroup_size(WORKGROUP)
fn batch(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let pixel = wid.x * WORKGROUP + local;
  let row = wid.z * groups.y + wid.y;
  if pixel >= params.pixels || row >= params.size { return; }
  // Another launch writes the images that lie in other buffers: below `first` the difference wraps around.
  let image = order[(cursor[0] + row) % params.images] - params.first;
  if image >= params.count { return; }
  let at = image * params.pixels + pixel;
  let byte = (bytes[at / 4u] >> (8u * (at % 4u))) & 0xffu;
  out[row * params.pixels + pixel] = f32(byte) * params.scale + params.shift;
}
//% end

//% entry batch_fours
@group(0) @binding(1) var<storage, read_write> fours: array<vec4f>;

// The same with ITEMS words of four pixels per thread, for images of whole words: the order is read once for all of them.
@compute @workgroup_size(WORKGROUP)
fn batch_fours(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let words = params.pixels / 4u;
  let row = wid.z * groups.y + wid.y;
  let image = order[(cursor[0] + min(row, params.size - 1u)) % params.images] - params.first;
  if row >= params.size || image >= params.count { return; }
  let first = (wid.x * WORKGROUP + local) * ITEMS;
  for (var word = first; word < min(first + ITEMS, words); word++) {
    let four = bytes[image * words + word];
    let pixels = vec4u(four & 0xffu, (four >> 8u) & 0xffu, (four >> 16u) & 0xffu, four >> 24u);
    fours[row * words + word] = vec4f(pixels) * params.scale + params.shift;
  }
}
//% end
