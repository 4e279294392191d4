enable subgroups;
// The contraction of contraction_resident.wgsl for four lanes, products and convolutions alike: A stays, B passes by. A
// workgroup, one subgroup, owns 4 * GROUP rows of C (lane l rows l, l + 4, …) and a slice of its columns. It takes DEPTH of the
// summed elements at a time: it puts A's block of them into an array, and goes down its columns. For each column, the lanes fetch
// B's DEPTH values together (for a convolution, the patch that the window sees), and each value meets the weights of all rows.
//
// Written for SwiftShader, whose compiler (Subzero) translates what it is given almost word by word:
//   - a load from a buffer is 75 to 125 instructions for four lanes, whatever their addresses; a vec4 is four such loads;
//   - a broadcast or a shuffle is 30 instructions, a swap within the quad 2. So nothing is broadcast: in turn s lane l has the
//     value of lane l ^ s, and A's values lie in the array in just that order;
//   - a constant index into an array is a memory operand, a computed one a load as above;
//   - values that live across a branch, such as the one that a load has for each lane, stay in memory, and compile time grows with
//     the square of their number; an assignment in a loop is 13 instructions, because of the lanes that have left it. So all
//     loads come first and go into an array, and sums are chains of constants, four rows at a time: three instructions for a
//     multiply-add.
//   B_K4: B is read by vec4s along the sums     CHECKED: B is padded, or K no multiple of DEPTH
//   BLOCKS: K is more than DEPTH, and the sums go on in C      FUSED: as in contraction_lanes.wgsl

//% let VECTORS_A = 0
//% let VECTORS_B = B_K4
//% let VECTORS_C = 0
//% let VALUES = DEPTH / 4
//% include contraction_tiled

// The summed element that a lane fetches as its value q of the block.
fn fetched(q: i32, lane: i32) -> i32 {
  //% if B_K4
  return (q >> 2u) * 16 + 4 * lane + (q & 3);
  //% else
  return 4 * q + lane;
  //% end
}

@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let lane = i32(local);
  let m_first = i32(id.y) * ${4 * GROUP} + lane;
  let start = start_of(i32(id.z));
  let n_first = i32(id.x) * params.slice;
  let n_end = min(n_first + params.slice, params.columns);

  var weights: array<f32, ${DEPTH * GROUP}>;
  var values: array<f32, ${VALUES}>;
  // Where the values lie in B, relative to the column's first, and their share of the coordinates.
  var walk: array<i32, ${VALUES}>;
  //% if CHECKED
  var walk_h: array<i32, ${VALUES}>;
  var walk_w: array<i32, ${VALUES}>;
  //% end

  for (var first = 0; first < params.all_sums; first += i32(DEPTH)) {
    for (var q = 0; q < ${VALUES}; q++) {
      for (var s = 0; s < 4; s++) {
        let k = first + fetched(q, lane ^ s);
        let live = k < params.all_sums;
        let i = digits(select(0, k, live));
        let a_at = start.a + i.x * params.a_sums.x + i.y * params.a_sums.y + i.z * params.a_sums.z;
        for (var j = 0; j < i32(GROUP); j++) {
          let m = min(m_first + 4 * j, params.rows - 1);
          weights[(4 * q + s) * i32(GROUP) + j] = select(0.0, f32(a[a_at + m * params.a_row]), live);
        }
        if s == 0 {
          walk[q] = i.x * params.b_i0 + i.y * params.h_sum * params.h_stride + i.z * params.w_sum * params.w_stride;
          //% if CHECKED
          walk_h[q] = select(0x3fffffff, i.y * params.h_sum, live);
          walk_w[q] = i.z * params.w_sum;
          //% end
        }
      }
    }

    // Only the first column's digits need divisions; the others follow from them.
    let n01 = n_first / params.columns2;
    var d2 = n_first - n01 * params.columns2;
    var d0 = n01 / params.columns1;
    var d1 = n01 - d0 * params.columns1;
    for (var n = n_first; n < n_end; n++) {
      let h = start.h + d1 * params.h_column;
      let w = start.w + d2 * params.w_column;
      let b_at = start.b + d0 * params.b_d0 + h * params.h_stride + w * params.w_stride;
      let c_at = start.c + d0 * params.c_columns.x + d1 * params.c_columns.y + d2 * params.c_columns.z;

      //% if B_K4
      //% for v in 0..VALUES / 4
      let four${v} = vec4f(b[u32(b_at + walk[${4 * v}]) >> 2u]);
      //% for c in 0..4
      //% if CHECKED
      values[${4 * v + c}] = select(0.0, four${v}[${c}], walk_h[${4 * v + c}] == 0);
      //% else
      values[${4 * v + c}] = four${v}[${c}];
      //% end
      //% end
      //% end
      //% else
      //% for q in 0..VALUES
      //% if CHECKED
      // Both are tested, without a branch.
      let inside${q} = (u32(h + walk_h[${q}]) < u32(params.h_extent)) & (u32(w + walk_w[${q}]) < u32(params.w_extent));
      values[${q}] = select(0.0, f32(b[b_at + walk[${q}]]), inside${q});
      //% else
      values[${q}] = f32(b[b_at + walk[${q}]]);
      //% end
      //% end
      //% end

      //% for g in 0..(GROUP + 3) / 4
      //% for q in 0..VALUES
      let x${g}_${q}_0 = values[${q}];
      let x${g}_${q}_1 = quadSwapX(x${g}_${q}_0);
      let x${g}_${q}_2 = quadSwapY(x${g}_${q}_0);
      let x${g}_${q}_3 = quadSwapDiagonal(x${g}_${q}_0);
      //% for s in 0..4
      //% let k = 4 * q + s
      //% for j in 4 * g..4 * g + 4
      //% if j < GROUP && k == 0
      let sum${j}_1 = weights[${j}] * x${g}_0_0;
      //% end
      //% if j < GROUP && k > 0
      let sum${j}_${k + 1} = sum${j}_${k} + weights[${k * GROUP + j}] * x${g}_${q}_${s};
      //% end
      //% end
      //% end
      //% end
      //% end

      //% for j in 0..GROUP
      if m_first + ${4 * j} < params.rows {
        let at = c_at + row_offset(m_first + ${4 * j});
        //% if BLOCKS
        var sum = sum${j}_${DEPTH};
        if first > 0 { sum += f32(c[at]); }
        if first + i32(DEPTH) >= params.all_sums { store(at, sum); } else { c[at] = Out0(sum); }
        //% else
        store(at, sum${j}_${DEPTH});
        //% end
      }
      //% end

      let row_ends = d2 + 1 == params.columns2;
      let plane_ends = row_ends && d1 + 1 == params.columns1;
      d0 = select(d0, d0 + 1, plane_ends);
      d1 = select(select(d1, d1 + 1, row_ends), 0, plane_ends);
      d2 = select(d2 + 1, 0, row_ends);
    }
  }
}

// The summed digits of k.
fn digits(k: i32) -> vec3i {
  let i01 = k / params.sums.z;
  let i0 = i01 / params.sums.y;
  return vec3i(i0, i01 - i0 * params.sums.y, k - i01 * params.sums.z);
}
