// Copies elements from one strided walk to another: permute, slice, pad, concat, expand. Words are moved as they are,
// so one kernel serves every 4-byte type. Host constants: WORKGROUP, HALF (elements are float16, and move as such).

const MAX_DIGITS = 8u;

//% if HALF
alias Word = f16;
//% else
alias Word = u32;
//% end

@group(0) @binding(1) var<storage, read_write> target_words: array<Word>;
//% entry main
@group(0) @binding(2) var<storage, read> source_words: array<Word>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.size { return; }
  var rest = id;
  var source = params.source_offset;
  var destination = params.target_offset;
  for (var axis = i32(params.rank) - 1; axis >= 0; axis--) {
    let word = axis / 4;
    let lane = axis % 4;
    let extent = params.shape[word][lane];
    let next = select(rest / extent, 0u, axis == 0);
    let digit = rest - next * extent;
    rest = next;
    source += digit * params.source_strides[word][lane];
    destination += digit * params.target_strides[word][lane];
  }
  target_words[destination] = source_words[source];
}
//% end

//% entry fill
@compute @workgroup_size(WORKGROUP)
fn fill(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id < params.size {
    //% if HALF
    target_words[id] = f16(from_bits(params.bits));
    //% else
    target_words[id] = params.bits;
    //% end
  }
}
//% end
