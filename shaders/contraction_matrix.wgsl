enable subgroups;
enable chromium_experimental_subgroup_matrix;
// C[z, m, n] = sum over k of A(z, m, k) * B(z, k, n) on matrix units, for products of matrices whose extents are multiples
// of the units' own: M rows, N columns, K summed. A workgroup is one subgroup, and makes SIDE x SIDE such matrices of sums
// in float32; operands are loaded straight from memory, where the caches hold what neighbouring workgroups share.
//
// A_ROWS, B_ROWS: rows of A, of B are contiguous; else their columns are. DIRECT: C is float32, so that sums go to memory as they
// are, unless something is fused. FUSED: results go through finish() before they are stored.
// After https://dawn.googlesource.com/dawn/+/refs/heads/main/docs/dawn/features/subgroup_matrix.md.

@group(0) @binding(1) var<storage, read_write> c: array<Out0>;
@group(0) @binding(2) var<storage, read> a: array<In0>;
@group(0) @binding(3) var<storage, read> b: array<In1>;

// Extents are written columns first.
alias Left = subgroup_matrix_left<In0, K, M>;
alias Right = subgroup_matrix_right<In1, N, K>;
alias Sums = subgroup_matrix_result<f32, N, M>;

//% let STORED = DIRECT && !FUSED
//% if !STORED
// Sums on their way to memory: each lane rounds and stores some.
var<workgroup> patch_of_sums: array<f32, M * N>;
//% end

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) lane: u32) {
  let group = group_index(id, groups);
  if group >= params.groups { return; }
  let above = group / params.across;
  let n_first = (group - above * params.across) * SIDE * N;
  let z = above / params.down;
  let m_first = (above - z * params.down) * SIDE * M;
  let first = params.offsets + z * params.batches;
  // Tiles that stick out repeat the last matrix inside; their results are not stored.
  //% for i in 0..SIDE
  let m${i} = min(m_first + ${i}u * M, params.rows - M);
  let n${i} = min(n_first + ${i}u * N, params.columns - N);
  //% end
  //% for i in 0..SIDE
  //% for j in 0..SIDE
  var sums${i}_${j} = Sums();
  //% end
  //% end

  // Turns are counted down: Dawn adds a counter of its own to a loop that counts up to something that is not a constant.
  var k = 0u;
  for (var left = params.sums / K; left > 0; left--) {
    //% for i in 0..SIDE
    //% if A_ROWS
    let left${i} = subgroupMatrixLoad<Left, row_major>(&a, first.x + m${i} * params.strides.x + k, params.strides.x);
    //% else
    let left${i} = subgroupMatrixLoad<Left, col_major>(&a, first.x + k * params.strides.x + m${i}, params.strides.x);
    //% end
    //% if B_ROWS
    let right${i} = subgroupMatrixLoad<Right, row_major>(&b, first.y + k * params.strides.y + n${i}, params.strides.y);
    //% else
    let right${i} = subgroupMatrixLoad<Right, col_major>(&b, first.y + n${i} * params.strides.y + k, params.strides.y);
    //% end
    //% end
    //% for i in 0..SIDE
    //% for j in 0..SIDE
    sums${i}_${j} = subgroupMatrixMultiplyAccumulate(left${i}, right${j}, sums${i}_${j});
    //% end
    //% end
    k += K;
  }

  //% for i in 0..SIDE
  //% for j in 0..SIDE
  //% if STORED
  if m_first + ${i}u * M < params.rows && n_first + ${j}u * N < params.columns {
    subgroupMatrixStore<row_major>(&c, first.z + m${i} * params.strides.z + n${j}, sums${i}_${j}, params.strides.z);
  }
  //% else
  subgroupMatrixStore<row_major>(&patch_of_sums, 0u, sums${i}_${j}, N);
  workgroupBarrier();
  if m_first + ${i}u * M < params.rows && n_first + ${j}u * N < params.columns {
    for (var e = lane; e < M * N; e += LANES) {
      let at = first.z + (m${i} + e / N) * params.strides.z + n${j} + e % N;
      //% if FUSED
      c[at] = Out0(finish(patch_of_sums[e], at));
      //% else
      c[at] = Out0(patch_of_sums[e]);
      //% end
    }
  }
  workgroupBarrier();
  //% end
  //% end
  //% end
}
