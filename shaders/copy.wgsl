// Copies elements from one strided walk to another: permute, slice, pad, concat, expand. Words are moved unchanged,
// so one kernel serves every 4-byte type. Host constants: WORKGROUP, PATCH, RANK (digits of a patch's or a block's number), HALF
// (elements are float16, and move as such).

//% if HALF
alias Word = f16;
//% else
alias Word = u32;
//% end

//% entry main, blocks
// Positions: in the source and in the target.
//% include digits
//% end

//% entry main, fill
@group(0) @binding(1) var<storage, read_write> target_words: array<Word>;
//% end

// By patches of up to PATCH x PATCH elements, along the axes x and y that are nearest to contiguous in the target and in the source.
// So its elements share a thread's fixed costs on a software adapter, above all the divisions. `extents`, `source_near` and
// `target_near` are those of these two axes; `counts` are patches along them. The other axes are in `axes`.
//% entry main
@group(0) @binding(2) var<storage, read> source_words: array<Word>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.patches { return; }
  let above = id / params.counts.x;
  let others = above / params.counts.y;
  let first = PATCH * vec2u(id - above * params.counts.x, above - others * params.counts.y);
  let at = positions(others);
  var source = params.source_offset + first.x * params.source_near.x + first.y * params.source_near.y + at.x;
  var destination = params.target_offset + first.x * params.target_near.x + first.y * params.target_near.y + at.y;
  let left = params.extents - first;
  for (var y = 0u; y < min(PATCH, left.y); y++) {
    //% for x in 0..PATCH
    let word${x} = source_words[source + min(${x}u, left.x - 1u) * params.source_near.x];
    //% end
    //% for x in 0..PATCH
    if ${x}u < left.x { target_words[destination + ${x}u * params.target_near.x] = word${x}; }
    //% end
    source += params.source_near.y;
    destination += params.target_near.y;
  }
}
//% end

// The same by blocks of four vec4s: 4 x 4 elements, turned in registers, where different axes are contiguous in source and
// target (TRANSPOSED), otherwise ROWS rows of four. Extents, strides and offsets count blocks and vec4s; `source_row` and
// `target_row` lead from one vec4 of a block to the next. The cost of an element is in the loads and divisions, not in its bytes.
//% entry blocks
@group(0) @binding(1) var<storage, read_write> target_fours: array<vec4<Word>>;
@group(0) @binding(2) var<storage, read> source_fours: array<vec4<Word>>;

@compute @workgroup_size(WORKGROUP)
fn blocks(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let id = group_index(wid, groups) * WORKGROUP + local;
  if id >= params.blocks { return; }
  let at = positions(id);
  let source = params.source_offset + at.x;
  let destination = params.target_offset + at.y;
  //% for k in 0..ROWS
  let row${k} = source_fours[source + ${k}u * params.source_row];
  //% end
  //% for k in 0..ROWS
  //% if TRANSPOSED
  target_fours[destination + ${k}u * params.target_row] = vec4(row0[${k}], row1[${k}], row2[${k}], row3[${k}]);
  //% else
  target_fours[destination + ${k}u * params.target_row] = row${k};
  //% end
  //% end
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
