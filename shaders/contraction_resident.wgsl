enable subgroups;
// The product of contraction_lanes.wgsl the other way round: B stays, A passes by. A workgroup, one subgroup, owns
// 4 * LANES columns, four a lane, and a slice of rows. It takes DEPTH of K at a time: it puts B's block of them into an array,
// which lavapipe keeps on the stack with a register per load, and then goes down its rows. For each row, the lanes fetch A's
// DEPTH values together and hand them round; the sums of the row accumulate in C from block to block.
//
// So values that live from one turn of a loop to the next are in memory, and all DEPTH * 4 multiplications of a row are one run
// of instructions without branches. (In a loop, a driver must preserve every sum of the lanes that have left the loop.) B is
// fetched once for a slice of rows, so a slice must have many.
//   A_K4: A's rows are read by vec4s; otherwise by scalars       B_N4, B_K4, C_N4, FUSED: as in contraction_lanes.wgsl
//   TAIL: K is no multiple of DEPTH

//% let VECTORS_A = A_K4
//% let VECTORS_B = B_K4 || B_N4
//% let VECTORS_C = C_N4
//% include contraction_tiled

//% if !C_N4
fn put(at: i32, value: f32, last: bool) {
  if last { store(at, value); } else { c[at] = value; }
}
//% end

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let lane = i32(local);
  let above = group / params.across;
  let n_first = ((group - above * params.across) * i32(LANES) + lane) * 4;
  let z = above / params.slices;
  let r_first = (above - z * params.slices) * params.slice_rows;
  let r_end = min(r_first + params.slice_rows, params.rows);
  let K = params.all_sums;
  let start = start_of(z);

  // Columns past the end read the last ones and are not stored.
  //% for q in 0..4
  let n${q} = min(n_first + ${q}, params.columns - 1);
  let b_at${q} = start.b + n${q} * params.w_column * params.w_stride;
  let c_at${q} = start.c + n${q} * params.c_columns.z;
  //% end
  let b_step = params.w_sum * params.w_stride;

  // Not a constant for the driver, which would unroll the loops: rows are never negative.
  let depth = select(i32(DEPTH), 0, params.rows < 0);
  var block: array<vec4f, DEPTH>;
  for (var first = 0; first < K; first += i32(DEPTH)) {
    //% if B_K4
    for (var k = 0; k < depth; k += 4) {
      let live = !TAIL || first + k < K;
      //% for q in 0..4
      let column${q} = select(vec4f(), vec4f(b[select(0u, u32(b_at${q} + first + k) >> 2u, live)]), live);
      //% end
      //% for j in 0..4
      block[k + ${j}] = vec4f(column0[${j}], column1[${j}], column2[${j}], column3[${j}]);
      //% end
    }
    //% else
    for (var k = 0; k < depth; k++) {
      let live = !TAIL || first + k < K;
      let b_walk = select(0, (first + k) * b_step, live);
      //% if B_N4
      let four = vec4f(b[u32(start.b + min(n_first, params.columns - 4) + b_walk) >> 2u]);
      //% else
      let four = vec4f(f32(b[b_at0 + b_walk]), f32(b[b_at1 + b_walk]), f32(b[b_at2 + b_walk]), f32(b[b_at3 + b_walk]));
      //% end
      block[k] = select(vec4f(), four, live);
    }
    //% end

    let last = first + i32(DEPTH) >= K;
    for (var r = r_first; r < r_end; r++) {
      // Vector v of a lane has the row's values at k = 4 * (lane + v * LANES) …
      //% for v in 0..VECTORS
      let k${v} = first + 4 * (lane + ${v * LANES});
      let live${v} = !TAIL || k${v} < K;
      let a_at${v} = select(0, start.a + r * params.a_row + k${v} * params.a_sums.z, live${v});
      //% if A_K4
      let a${v} = select(vec4f(), vec4f(a[u32(a_at${v}) >> 2u]), live${v});
      //% else
      var a${v} = vec4f();
      //% for j in 0..4
      let live${v}_${j} = !TAIL || k${v} + ${j} < K;
      a${v}[${j}] = select(0.0, f32(a[select(0, a_at${v} + ${j} * params.a_sums.z, live${v}_${j})]), live${v}_${j});
      //% end
      //% end
      //% end

      let c_row = r * params.c_row;
      //% if C_N4
      let at = u32(c_row + c_at0);
      //% end
      var sum = vec4f();
      if first > 0 {
        //% if C_N4
        sum = vec4f(c[at >> 2u]);
        //% else
        sum = vec4f(c[c_row + c_at0], c[c_row + c_at1], c[c_row + c_at2], c[c_row + c_at3]);
        //% end
      }
      //% for k in 0..DEPTH
      sum += subgroupShuffle(a${k / 4 / LANES}[${k % 4}], ${k / 4 % LANES}u) * block[${k}];
      //% end

      if n_first < params.columns {
        //% if C_N4
        //% if FUSED
        if last { sum = finish(sum, at); }
        //% end
        c[at >> 2u] = sum;
        //% else
        // Without this, the driver moves the sums that are stored later behind the first store, and with them all products
        // from registers to memory. K is never negative.
        let whole = vec4f(select(sum.x, sum.y + sum.z + sum.w, K < 0), sum.yzw);
        put(c_row + c_at0, whole.x, last);
        //% for q in 1..4
        if n_first + ${q} < params.columns { put(c_row + c_at${q}, whole[${q}], last); }
        //% end
        //% end
      }
    }
  }
}
