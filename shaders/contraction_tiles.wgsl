// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), as in contraction_naive.wgsl, for GPUs: a workgroup of 16 x 16 threads
// makes a tile of TILE x TILE sums, (TILE / 16)^2 a thread, and moves DEPTH values of k at a time through shared memory
// (the two-dimensional register tiling of S. Boehm, "How to optimize a CUDA matmul kernel", with affine addresses).
//
// Neighbouring threads load what is contiguous: A_BY_ROW: A's rows, else k; B_BY_K: B's k, else its columns.
// CHECKED: B is padded.  FUSED: what is stored goes through finish(), which the host appends.
// The lines with //% are expanded by packages/tensor/src/webgpu/template.ts.

//% let VECTORS_A = 0
//% let VECTORS_B = 0
//% let VECTORS_C = 0
//% include contraction_tiled

const THREADS = 256u;
// One more than a row, so that threads that write a column do not meet in one memory bank.
const PITCH = TILE + 1u;

var<workgroup> a_tile: array<f32, DEPTH * PITCH>;
var<workgroup> b_tile: array<f32, DEPTH * PITCH>;
// What each k adds to A's and to B's address, to h and to w.
var<workgroup> walk: array<vec4i, DEPTH>;

fn column_digits(n: i32) -> vec3i {
  let n01 = n / params.columns2;
  let d0 = n01 / params.columns1;
  return vec3i(d0, n01 - d0 * params.columns1, n - n01 * params.columns2);
}

fn walk_to(k: i32) -> vec4i {
  let i01 = k / params.sums.z;
  let i0 = i01 / params.sums.y;
  let i = vec3i(i0, i01 - i0 * params.sums.y, k - i01 * params.sums.z);
  let h = i.y * params.h_sum;
  let w = i.z * params.w_sum;
  let from_a = i.x * params.a_sums.x + i.y * params.a_sums.y + i.z * params.a_sums.z;
  return vec4i(from_a, i.x * params.b_i0 + h * params.h_stride + w * params.w_stride, h, w);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let above = group / params.across;
  let n_first = (group - above * params.across) * i32(TILE);
  let batch_part = above / params.down;
  let m_first = (above - batch_part * params.down) * i32(TILE);
  let z = batch_part / params.parts;
  let part = batch_part - z * params.parts;
  let k_first = part * params.part_length;
  let k_end = min(k_first + params.part_length, params.all_sums);

  let start = start_of(z);

  // The elements that the thread loads of each tile: at a_k, a_row and b_k, b_column within it.
  //% for e in 0..TILE * DEPTH / 256
  let along${e} = local + ${e}u * THREADS;
  let a_k${e} = select(along${e} % DEPTH, along${e} / TILE, A_BY_ROW);
  let a_row${e} = select(along${e} / DEPTH, along${e} % TILE, A_BY_ROW);
  let b_k${e} = select(along${e} / TILE, along${e} % DEPTH, B_BY_K);
  let b_column${e} = select(along${e} % TILE, along${e} / DEPTH, B_BY_K);
  let a_live${e} = m_first + i32(a_row${e}) < params.rows;
  let a_at${e} = start.a + (m_first + i32(a_row${e})) * params.a_row;
  let n${e} = n_first + i32(b_column${e});
  let b_live${e} = n${e} < params.columns;
  let d${e} = column_digits(n${e});
  let h${e} = start.h + d${e}.y * params.h_column;
  let w${e} = start.w + d${e}.z * params.w_column;
  let b_at${e} = start.b + d${e}.x * params.b_d0 + h${e} * params.h_stride + w${e} * params.w_stride;
  //% end

  let x = local % 16u;
  let y = local / 16u;
  //% for i in 0..TILE / 16
  //% for j in 0..TILE / 16
  var sum${i}_${j} = 0.0;
  //% end
  //% end

  for (var k = k_first; k < k_end; k += i32(DEPTH)) {
    if local < DEPTH { walk[local] = walk_to(k + i32(local)); }
    workgroupBarrier();
    //% for e in 0..TILE * DEPTH / 256
    {
      let live = a_live${e} && k + i32(a_k${e}) < k_end;
      let value = f32(a[select(0, a_at${e} + walk[a_k${e}].x, live)]);
      a_tile[a_k${e} * PITCH + a_row${e}] = select(0.0, value, live);
    }
    {
      let to = walk[b_k${e}];
      let inside = !CHECKED || (u32(h${e} + to.z) < u32(params.h_extent) && u32(w${e} + to.w) < u32(params.w_extent));
      let live = inside && b_live${e} && k + i32(b_k${e}) < k_end;
      let value = f32(b[select(0, b_at${e} + to.y, live)]);
      b_tile[b_k${e} * PITCH + b_column${e}] = select(0.0, value, live);
    }
    //% end
    workgroupBarrier();
    for (var kk = 0u; kk < DEPTH; kk++) {
      //% for i in 0..TILE / 16
      let a${i} = a_tile[kk * PITCH + y + ${16 * i}u];
      let b${i} = b_tile[kk * PITCH + x + ${16 * i}u];
      //% end
      //% for i in 0..TILE / 16
      //% for j in 0..TILE / 16
      sum${i}_${j} = fma(a${i}, b${j}, sum${i}_${j});
      //% end
      //% end
    }
  }

  let c_base = start.c + part * params.part_elements;
  //% for j in 0..TILE / 16
  let n_out${j} = n_first + i32(x) + ${16 * j};
  if n_out${j} < params.columns {
    let digits = column_digits(n_out${j}) * params.c_columns;
    let c_column = c_base + digits.x + digits.y + digits.z;
    //% for i in 0..TILE / 16
    if m_first + i32(y) + ${16 * i} < params.rows {
      store(c_column + row_offset(m_first + i32(y) + ${16 * i}), sum${i}_${j});
    }
    //% end
  }
  //% end
}
