// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), as in contraction_naive.wgsl, for windows with few results and long sums:
// the weight gradient of a convolution by channels. On GPUs.
//
// A workgroup makes all COLUMNS sums of ROWS rows, or a part of each. Its threads divide the summed elements among them, with
// neighbouring threads taking neighbouring elements. Each thread keeps all sums in registers; then they are added up through
// shared memory, in the order of the threads.
//
// COLUMNS1, COLUMNS2: extents of the columns' lower digits.  CHECKED: B is padded.
// FUSED: what is stored goes through finish(), which the host appends.

//% let VECTORS_A = 0
//% let VECTORS_B = 0
//% let VECTORS_C = 0
//% include contraction_tiled

//% let SUMS = ROWS * COLUMNS
// By threads, with a gap if their number of sums is even: otherwise writes would meet in one bank.
//% let PITCH = SUMS + 1 - SUMS % 2
var<workgroup> partial: array<f32, THREADS * ${PITCH}>;

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let batch_part = group / params.down;
  let m_first = (group - batch_part * params.down) * i32(ROWS);
  let z = batch_part / params.parts;
  let part = batch_part - z * params.parts;
  let k_first = part * params.part_length;
  let k_end = min(k_first + params.part_length, params.all_sums);
  let start = start_of(z);

  //% for r in 0..ROWS
  // Rows beyond the last are read as the last, and not stored.
  let a_row${r} = start.a + min(m_first + ${r}, params.rows - 1) * params.a_row;
  //% for c in 0..COLUMNS
  var sum${r}_${c} = 0.0;
  //% end
  //% end

  // Turns are counted down: Dawn adds a counter of its own to a loop that counts up to something that is not a constant.
  var k = k_first + i32(local);
  for (var left = (k_end - k + i32(THREADS) - 1) / i32(THREADS); left > 0; left--) {
    // In unsigned numbers, which takes fewer instructions.
    let i01 = i32(u32(k) / u32(params.sums.z));
    let i0 = i32(u32(i01) / u32(params.sums.y));
    let i = vec3i(i0, i01 - i0 * params.sums.y, k - i01 * params.sums.z);
    let h = start.h + i.y * params.h_sum;
    let w = start.w + i.z * params.w_sum;
    let a_at = i.x * params.a_sums.x + i.y * params.a_sums.y + i.z * params.a_sums.z;
    let b_at = start.b + i.x * params.b_i0 + h * params.h_stride + w * params.w_stride;
    //% for r in 0..ROWS
    let a${r} = f32(a[a_row${r} + a_at]);
    //% end
    //% for c in 0..COLUMNS
    let at${c} = b_at + ${c / (COLUMNS1 * COLUMNS2)} * params.b_d0 + ${c / COLUMNS2 % COLUMNS1} * params.h_column * params.h_stride + ${c % COLUMNS2} * params.w_column * params.w_stride;
    let got${c} = f32(b[at${c}]);
    //% end
    //% if CHECKED
    //% for d in 0..COLUMNS1
    let row${d} = u32(h + ${d} * params.h_column) < u32(params.h_extent);
    //% end
    //% for d in 0..COLUMNS2
    let column${d} = u32(w + ${d} * params.w_column) < u32(params.w_extent);
    //% end
    //% end
    //% for c in 0..COLUMNS
    //% if CHECKED
    let b${c} = select(0.0, got${c}, row${c / COLUMNS2 % COLUMNS1} & column${c % COLUMNS2});
    //% else
    let b${c} = got${c};
    //% end
    //% for r in 0..ROWS
    sum${r}_${c} = fma(a${r}, b${c}, sum${r}_${c});
    //% end
    //% end
    k += i32(THREADS);
  }

  //% for r in 0..ROWS
  //% for c in 0..COLUMNS
  partial[local * ${PITCH} + ${r * COLUMNS + c}] = sum${r}_${c};
  //% end
  //% end
  workgroupBarrier();
  if local >= ${SUMS} { return; }
  let r = i32(local / ${COLUMNS});
  if m_first + r >= params.rows { return; }
  var sum = 0.0;
  for (var t = 0u; t < THREADS; t++) { sum += partial[t * ${PITCH} + local]; }
  let n = i32(local % ${COLUMNS});
  let n01 = n / ${COLUMNS2};
  let d0 = n01 / ${COLUMNS1};
  let d = vec3i(d0, n01 - d0 * ${COLUMNS1}, n - n01 * ${COLUMNS2}) * params.c_columns;
  store(start.c + part * params.part_elements + d.x + d.y + d.z + row_offset(m_first + r), sum);
}
