//% if SUBGROUPS
enable subgroups;
//% end
// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), as in contraction_naive.wgsl, where "lanes" are those of a CPU's SIMD
// registers: no shared memory and no barriers, which cost a software adapter more than they save.
//
// A workgroup is one subgroup. It makes a tile of ROWS rows x 4 * LANES columns; each lane owns four columns, and keeps
// their sums in ROWS vec4s. It takes K four at a time: the lanes fetch the ROWS x 4 block of A together, a vec4 or two
// each, and broadcast its elements from register to register (without subgroups, each lane fetches the whole block).
//
// On lavapipe a load costs per lane and per load, hardly per byte: whichever axis is contiguous is read by vec4s.
//   A_K4: by k;   A_M4: by row;   otherwise scalars          B_K4: by k;   B_N4: by column;   otherwise scalars
//   A_FLAT: A's summed digits are one arithmetic sequence    FLAT: so are B's, and its columns, as in a matrix product
//   C_N4: the four columns are neighbours in C               TAIL: K is no multiple of 4      CHECKED: B is padded
//   FUSED: what is stored goes through finish(), which the host appends
// The lines with //% are expanded by packages/tensor/src/webgpu/template.ts: sums in an array would live in memory.

//% let VECTORS_A = A_K4 || A_M4
//% let VECTORS_B = B_K4 || B_N4
//% let VECTORS_C = C_N4
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  //% if SUBGROUPS
  @builtin(subgroup_invocation_id) local: u32,
  //% else
  @builtin(local_invocation_index) local: u32,
  //% end
) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let lane = i32(local);
  let above = group / params.across;
  let n_first = ((group - above * params.across) * i32(LANES) + lane) * 4;
  let batch_part = above / params.down;
  let m_first = (above - batch_part * params.down) * i32(ROWS);
  let z = batch_part / params.parts;
  let part = batch_part - z * params.parts;
  let k_first = part * params.part_length;
  let k_end = min(k_first + params.part_length, params.all_sums);

  let start = start_of(z);

  // The lane's columns: where they are in B and C. Those past the end read the last column and are not stored.
  //% if FLAT
  //% for q in 0..4
  let n${q} = min(n_first + ${q}, params.columns - 1);
  let b_at${q} = start.b + n${q} * params.w_column * params.w_stride;
  let c_at${q} = n${q} * params.c_columns.z;
  //% end
  //% else
  // Divisions are slow without hardware for them: only the first column's digits are divided out, the others follow.
  let n0 = min(n_first, params.columns - 1);
  let n01 = i32(u32(n0) / u32(params.columns2));
  var d2 = n0 - n01 * params.columns2;
  var d0 = i32(u32(n01) / u32(params.columns1));
  var d1 = n01 - d0 * params.columns1;
  //% for q in 0..4
  //% if q > 0
  if n_first + ${q} < params.columns {
    let row_ends = d2 + 1 == params.columns2;
    let plane_ends = row_ends && d1 + 1 == params.columns1;
    d0 = select(d0, d0 + 1, plane_ends);
    d1 = select(select(d1, d1 + 1, row_ends), 0, plane_ends);
    d2 = select(d2 + 1, 0, row_ends);
  }
  //% end
  let h${q} = start.h + d1 * params.h_column;
  let w${q} = start.w + d2 * params.w_column;
  let b_at${q} = start.b + d0 * params.b_d0 + h${q} * params.h_stride + w${q} * params.w_stride;
  let c_at${q} = d0 * params.c_columns.x + d1 * params.c_columns.y + d2 * params.c_columns.z;
  //% end
  //% end
  let b_step = params.w_sum * params.w_stride;

  // The vectors of A's block that the lane fetches: vector v is row v, or by rows (A_M4) rows 4 * (v / 4) … at k = v % 4.
  //% for v in 0..VECTORS
  //% if SUBGROUPS
  let v${v} = lane + ${v * LANES};
  //% else
  let v${v} = ${v};
  //% end
  //% if A_M4
  let a_at${v} = start.a + min(m_first + v${v} / 4 * 4, params.rows - 4) + v${v} % 4 * params.a_sums.z;
  //% else
  let a_at${v} = start.a + min(m_first + v${v}, params.rows - 1) * params.a_row;
  //% end
  //% end

  //% if !FLAT
  // The summed digits of k walk with k, and so do A's and B's offsets and the coordinates' share. Usually i2 steps; when it
  // starts again at 0, i1 steps, and when that starts again too, i0.
  let i01 = k_first / params.sums.z;
  let i0 = i01 / params.sums.y;
  var i1 = i01 - i0 * params.sums.y;
  var i2 = k_first - i01 * params.sums.z;
  let back = params.sums - 1;
  let b_sums = vec3i(params.b_i0, params.h_sum * params.h_stride, b_step);
  var a_walk = i0 * params.a_sums.x + i1 * params.a_sums.y + i2 * params.a_sums.z;
  var b_walk = i0 * b_sums.x + i1 * b_sums.y + i2 * b_sums.z;
  var h_walk = i1 * params.h_sum;
  var w_walk = i2 * params.w_sum;
  let a_step1 = params.a_sums.y - back.z * params.a_sums.z;
  let a_step0 = params.a_sums.x - back.y * params.a_sums.y - back.z * params.a_sums.z;
  let b_step1 = b_sums.y - back.z * b_sums.z;
  let b_step0 = b_sums.x - back.y * b_sums.y - back.z * b_sums.z;
  //% end

  //% for r in 0..ROWS
  var sum${r} = vec4f();
  //% end

  for (var k = k_first; k < k_end; k += 4) {
    //% for j in 0..4
    let live${j} = !TAIL || k + ${j} < k_end;
    //% if !FLAT
    let a_walk${j} = a_walk;
    let b_walk${j} = b_walk;
    let h_walk${j} = h_walk;
    let w_walk${j} = w_walk;
    let end2_${j} = i2 == back.z;
    let end1_${j} = end2_${j} && i1 == back.y;
    a_walk += select(params.a_sums.z, select(a_step1, a_step0, end1_${j}), end2_${j});
    b_walk += select(b_step, select(b_step1, b_step0, end1_${j}), end2_${j});
    h_walk = select(h_walk + select(0, params.h_sum, end2_${j}), 0, end1_${j});
    w_walk = select(w_walk + params.w_sum, 0, end2_${j});
    i1 = select(select(i1, i1 + 1, end2_${j}), 0, end1_${j});
    i2 = select(i2 + 1, 0, end2_${j});
    //% end
    //% end

    //% for v in 0..VECTORS
    //% if A_K4 && A_FLAT
    let a${v} = vec4f(a[u32(a_at${v} + k) >> 2u]);
    //% end
    //% if A_K4 && !A_FLAT
    let a${v} = vec4f(a[u32(a_at${v} + a_walk0) >> 2u]);
    //% end
    //% if A_M4
    let a_live${v} = !TAIL || k + v${v} % 4 < k_end;
    let a${v} = select(vec4f(), vec4f(a[select(0u, u32(a_at${v} + k * params.a_sums.z) >> 2u, a_live${v})]), a_live${v});
    //% end
    //% if !A_K4 && !A_M4
    var a${v} = vec4f();
    //% for j in 0..4
    //% if A_FLAT
    a${v}[${j}] = select(0.0, f32(a[select(0, a_at${v} + (k + ${j}) * params.a_sums.z, live${j})]), live${j});
    //% else
    a${v}[${j}] = select(0.0, f32(a[select(0, a_at${v} + a_walk${j}, live${j})]), live${j});
    //% end
    //% end
    //% end
    //% end

    //% if B_K4
    //% for q in 0..4
    let column${q} = vec4f(b[u32(b_at${q} + k) >> 2u]);
    //% end
    //% end
    //% for j in 0..4
    //% if B_K4
    let b${j} = vec4f(column0[${j}], column1[${j}], column2[${j}], column3[${j}]);
    //% end
    //% if B_N4
    let b${j} = select(vec4f(), vec4f(b[select(0u, u32(start.b + min(n_first, params.columns - 4) + (k + ${j}) * b_step) >> 2u, live${j})]), live${j});
    //% end
    //% if !B_K4 && !B_N4
    var b${j} = vec4f();
    //% for q in 0..4
    //% if FLAT
    b${j}[${q}] = select(0.0, f32(b[select(0, b_at${q} + (k + ${j}) * b_step, live${j})]), live${j});
    //% else
    let inside${j}${q} = live${j} && (!CHECKED || (u32(h${q} + h_walk${j}) < u32(params.h_extent) && u32(w${q} + w_walk${j}) < u32(params.w_extent)));
    b${j}[${q}] = select(0.0, f32(b[select(0, b_at${q} + b_walk${j}, inside${j}${q})]), inside${j}${q});
    //% end
    //% end
    //% end
    //% end

    // Row by row, all four k, so that each sum is read and written once per turn.
    //% for r in 0..ROWS
    //% for j in 0..4
    //% if SUBGROUPS && A_M4
    sum${r} += subgroupBroadcast(a${r / LANES}[${r % 4}], ${r % LANES / 4 * 4 + j}u) * b${j};
    //% end
    //% if SUBGROUPS && !A_M4
    sum${r} += subgroupBroadcast(a${r / LANES}[${j}], ${r % LANES}u) * b${j};
    //% end
    //% if !SUBGROUPS && A_M4
    sum${r} += a${r / 4 * 4 + j}[${r % 4}] * b${j};
    //% end
    //% if !SUBGROUPS && !A_M4
    sum${r} += a${r}[${j}] * b${j};
    //% end
    //% end
    //% end
  }

  if n_first >= params.columns { return; }
  let c_base = start.c + part * params.part_elements;
  // Row by row in a loop in which the rows below move up: unrolled stores take the driver long to compile.
  for (var r = m_first; r < min(m_first + i32(ROWS), params.rows); r++) {
    let c_row = c_base + row_offset(r);
    //% if C_N4
    let at = u32(c_row + c_at0);
    //% if FUSED
    c[at >> 2u] = vec4<Out0>(finish(sum0, at));
    //% else
    c[at >> 2u] = vec4<Out0>(sum0);
    //% end
    //% else
    store(c_row + c_at0, sum0.x);
    if n_first + 1 < params.columns { store(c_row + c_at1, sum0.y); }
    if n_first + 2 < params.columns { store(c_row + c_at2, sum0.z); }
    if n_first + 3 < params.columns { store(c_row + c_at3, sum0.w); }
    //% end
    //% for r in 1..ROWS
    sum${r - 1} = sum${r};
    //% end
  }
}
