// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), all addresses affine: matmul and every convolution. This is the
// plain kernel, with a thread per output, for small tasks and as a reference for the others.
// The formulas are in packages/tensor/src/lowering/contraction/task.ts. Host constants: WORKGROUP, CHECKED (B is padded),
// PHASES, GRID, FUSED.

//% let VECTORS_A = 0
//% let VECTORS_B = 0
//% let VECTORS_C = 0
//% include contraction_tiled

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = i32(group_index(id, groups) * WORKGROUP + local);
  if index >= params.outputs { return; }
  let zm = index / params.columns;
  let n = index - zm * params.columns;
  let z = zm / params.rows;
  let m = zm - z * params.rows;
  let n01 = n / params.columns2;
  let d2 = n - n01 * params.columns2;
  let d0 = n01 / params.columns1;
  let d1 = n01 - d0 * params.columns1;
  let start = start_of(z);
  let a_base = start.a + m * params.a_row;
  let b_base = start.b + d0 * params.b_d0;
  let h_first = start.h + d1 * params.h_column;
  let w_first = start.w + d2 * params.w_column;
  var sum = 0.0;
  for (var i0 = 0; i0 < params.sums.x; i0++) {
    for (var i1 = 0; i1 < params.sums.y; i1++) {
      let h = h_first + i1 * params.h_sum;
      if CHECKED && (h < 0 || h >= params.h_extent) { continue; }
      let a_row = a_base + i0 * params.a_sums.x + i1 * params.a_sums.y;
      let b_row = b_base + i0 * params.b_i0 + h * params.h_stride;
      for (var i2 = 0; i2 < params.sums.z; i2++) {
        let w = w_first + i2 * params.w_sum;
        if CHECKED && (w < 0 || w >= params.w_extent) { continue; }
        sum += f32(a[a_row + i2 * params.a_sums.z]) * f32(b[b_row + w * params.w_stride]);
      }
    }
  }
  let columns = vec3i(d0, d1, d2) * params.c_columns;
  store(start.c + row_offset(m) + columns.x + columns.y + columns.z, sum);
}
