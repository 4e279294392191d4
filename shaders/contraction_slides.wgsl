//% if SUBGROUPS
enable subgroups;
//% end
// The contraction of contraction_lanes.wgsl for convolutions: a kernel that slides along a row of an image meets each of
// the row's elements several times. A lane makes COLS neighbouring columns of one row of C's image for ROWS rows of C. A
// turn takes TURNS rows of the summed window and TAPS elements of each; together the columns read
//     SPAN = (COLS - 1) * COLUMN + (TAPS - 1) * SUM + 1
// elements of a row, which are loaded and checked once, not COLS * TAPS times: a software adapter spends its time on loads. As
// there, the lanes of a subgroup fetch A's block together and hand it round, by shuffles: on lavapipe a shuffle is one
// instruction, a broadcast three.
//   QUADS: on four lanes nothing is handed round: in turn s a lane gets the value of lane l ^ s by a swap, so that its sums
//   belong to rows in another order, and loaded values are in arrays (see contraction_quads.wgsl)
//   WHOLE: TAPS is all of i2, so that the loop need not test what lies in the row     FULL: COLS divides the row of C
//   A_K4: A's elements of a turn are neighbours     CHECKED: B is padded     FUSED: as in contraction_lanes.wgsl

//% let VECTORS_A = A_K4
//% let VECTORS_B = 0
//% let VECTORS_C = 0
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) id: vec3u,
  //% if SUBGROUPS
  @builtin(subgroup_invocation_id) local: u32,
  //% else
  @builtin(local_invocation_index) local: u32,
  //% end
) {
  let group = i32(id.x * LANES + local);
  let m_first = i32(id.y * ROWS);
  let z = i32(id.z) / params.parts;
  let part = i32(id.z) - z * params.parts;

  let start = start_of(z);

  // The lane's columns. A lane past the end repeats the last ones and stores nothing.
  let own = min(group, params.groups - 1);
  let d01 = i32(u32(own) / u32(params.row_groups));
  let d2 = (own - d01 * params.row_groups) * i32(COLS);
  let d0 = i32(u32(d01) / u32(params.columns1));
  let d1 = d01 - d0 * params.columns1;
  let h_first = start.h + d1 * params.h_column;
  let w_first = start.w + d2 * i32(COLUMN);
  let b_first = start.b + d0 * params.b_d0 + h_first * params.h_stride + w_first;
  let b_row = params.h_sum * params.h_stride;

  // The rows of A that the lane fetches.
  //% for v in 0..VECTORS
  //% if SUBGROUPS
  let a_at${v} = start.a + min(m_first + i32(local) + ${v * LANES}, params.rows - 1) * params.a_row;
  //% else
  let a_at${v} = start.a + min(m_first + ${v}, params.rows - 1) * params.a_row;
  //% end
  //% end

  //% if WHOLE && CHECKED
  //% for p in 0..SPAN
  let inside${p} = u32(w_first + ${p}) < u32(params.w_extent);
  //% end
  //% end

  //% if QUADS
  var sums: array<f32, ${ROWS * COLS}>;
  var x: array<f32, ${TURNS * SPAN}>;
  var m: array<f32, ${ROWS * TURNS * TAPS}>;
  //% else
  //% for r in 0..ROWS
  //% for q in 0..COLS
  var sum${r}_${q} = 0.0;
  //% end
  //% end
  //% end

  // One loop for all three digits: a driver may copy all the sums at every loop's end.
  var i0 = part * params.part_length;
  var i1 = 0;
  var i2 = 0;
  let i0_end = min(i0 + params.part_length, params.sums.x);
  while i0 < i0_end {
    // The part of B that the columns see. WGSL moves an index that is outside to the inside; the value read there is not used.
    //% for t in 0..TURNS
    //% if CHECKED
    let row${t} = u32(h_first + (i1 + ${t}) * params.h_sum) < u32(params.h_extent);
    //% end
    let b_at${t} = b_first + i0 * params.b_i0 + (i1 + ${t}) * b_row + i2 * i32(SUM);
    //% for p in 0..SPAN
    //% if CHECKED && WHOLE
    let x${t}_${p} = select(0.0, f32(b[b_at${t} + ${p}]), row${t} & inside${p});
    //% end
    //% if CHECKED && !WHOLE
    let x${t}_${p} = select(0.0, f32(b[b_at${t} + ${p}]), row${t} & (u32(w_first + i2 * i32(SUM) + ${p}) < u32(params.w_extent)));
    //% end
    //% if !CHECKED
    let x${t}_${p} = f32(b[b_at${t} + ${p}]);
    //% end
    //% if QUADS
    x[${t * SPAN + p}] = x${t}_${p};
    //% end
    //% end
    //% end

    let a_walk = i0 * params.a_sums.x + i1 * params.a_sums.y + i2 * params.a_sums.z;
    //% for v in 0..VECTORS
    //% if A_K4
    //% for k in 0..TURNS * TAPS / 4
    let four${v}_${k} = vec4f(a[(u32(a_at${v} + a_walk) >> 2u) + ${k}u]);
    //% for j in 0..4
    let a${v}_${4 * k + j} = four${v}_${k}[${j}];
    //% end
    //% end
    //% else
    //% for t in 0..TURNS
    //% for j in 0..TAPS
    let a${v}_${t * TAPS + j} = f32(a[a_at${v} + a_walk + ${t} * params.a_sums.y + ${j} * params.a_sums.z]);
    //% end
    //% end
    //% end
    //% end

    //% if QUADS
    //% let LENGTH = TURNS * TAPS
    //% for v in 0..VECTORS
    //% for k in 0..LENGTH
    m[${4 * v * LENGTH + k}] = a${v}_${k};
    m[${(4 * v + 1) * LENGTH + k}] = quadSwapX(a${v}_${k});
    m[${(4 * v + 2) * LENGTH + k}] = quadSwapY(a${v}_${k});
    m[${(4 * v + 3) * LENGTH + k}] = quadSwapDiagonal(a${v}_${k});
    //% end
    //% end
    //% for r in 0..ROWS
    //% for q in 0..COLS
    let s${r}_${q}_0 = sums[${r * COLS + q}] + x[${q * COLUMN}] * m[${r * LENGTH}];
    //% for k in 1..LENGTH
    let s${r}_${q}_${k} = s${r}_${q}_${k - 1} + x[${k / TAPS * SPAN + q * COLUMN + k % TAPS * SUM}] * m[${r * LENGTH + k}];
    //% end
    sums[${r * COLS + q}] = s${r}_${q}_${LENGTH - 1};
    //% end
    //% end
    //% else
    //% for r in 0..ROWS
    //% for t in 0..TURNS
    //% for j in 0..TAPS
    //% if SUBGROUPS
    let m${r}_${t * TAPS + j} = subgroupShuffle(a${r / LANES}_${t * TAPS + j}, ${r % LANES}u);
    //% else
    let m${r}_${t * TAPS + j} = a${r}_${t * TAPS + j};
    //% end
    //% for q in 0..COLS
    sum${r}_${q} += m${r}_${t * TAPS + j} * x${t}_${q * COLUMN + j * SUM};
    //% end
    //% end
    //% end
    //% end
    //% end

    //% if !WHOLE
    i2 += i32(TAPS);
    let end2 = i2 == params.sums.z;
    i2 = select(i2, 0, end2);
    i1 = select(i1, i1 + 1, end2);
    //% else
    i1 += i32(TURNS);
    //% end
    let end1 = i1 == params.sums.y;
    i1 = select(i1, 0, end1);
    i0 = select(i0, i0 + 1, end1);
  }

  if group >= params.groups { return; }
  let c_first = start.c + part * params.part_elements + d0 * params.c_columns.x + d1 * params.c_columns.y + d2 * params.c_columns.z;
  // Row by row in a loop in which the rows below move up: unrolled stores take the driver long to compile.
  //% if QUADS
  for (var turn = m_first; turn < min(m_first + i32(ROWS), params.rows + 3); turn++) {
    // ROWS and m_first are multiples of four.
    let r = turn ^ i32(local);
    let stored = r < params.rows;
  //% else
  for (var r = m_first; r < min(m_first + i32(ROWS), params.rows); r++) {
    let stored = true;
  //% end
    let c_row = c_first + row_offset(r);
    //% for q in 0..COLS
    //% if QUADS
    let value${q} = sums[(turn - m_first) * i32(COLS) + ${q}];
    //% else
    let value${q} = sum0_${q};
    //% end
    //% if FULL || q == 0
    if stored { store(c_row + ${q} * params.c_columns.z, value${q}); }
    //% else
    if stored && d2 + ${q} < params.columns2 { store(c_row + ${q} * params.c_columns.z, value${q}); }
    //% end
    //% end
    //% if !QUADS
    //% for r in 1..ROWS
    //% for q in 0..COLS
    sum${r - 1}_${q} = sum${r}_${q};
    //% end
    //% end
    //% end
  }
}
