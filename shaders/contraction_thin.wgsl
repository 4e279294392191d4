// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), as in contraction_naive.wgsl, for windows with so few rows that a tile of
// contraction_tiles.wgsl would be mostly empty: the gradient of an image of one channel, or of each channel by itself.
//
// A thread makes all ROWS sums of one column, its neighbour those of the next, so that they read neighbouring elements. Nothing
// of B is used twice within a column, so B does not go through shared memory; A does, since all threads need all of it. Whether a
// tap lies in B is tested once for all of i0. A turn takes STEP values of i0, or, where i0 has few, all of them at ACROSS taps of a
// row.
//
// WEIGHTS: elements of shared memory; vec4s of four i0, if FOURS.  B_GAP, B_TAP: from i0 to i0, from i2 to i2 in B.  CHECKED: B is padded.
// FUSED: results go through finish(), which the host appends, before they are stored.

//% let VECTORS_A = 0
//% let VECTORS_B = 0
//% let VECTORS_C = 0
//% include contraction_tiled

// Of a turn, for all rows.
//% let AT_ONCE = STEP * ROWS / (1 + 3 * FOURS)

//% if FOURS
var<workgroup> weights: array<vec4f, WEIGHTS>;
//% else
var<workgroup> weights: array<f32, WEIGHTS>;
//% end

@compute @workgroup_size(THREADS)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let z = group / params.across;
  let n = (group - z * params.across) * i32(THREADS) + i32(local);
  let start = start_of(z);

  // A, tap by tap, i0 by i0, row by row.
  for (var e = local; e < WEIGHTS; e += THREADS) {
    let above = i32(e) / i32(ROWS);
    //% if FOURS
    let quads = params.sums.x / 4;
    //% else
    let quads = params.sums.x;
    //% end
    let tap = above / quads;
    let i1 = tap / params.sums.z;
    let i2 = tap - i1 * params.sums.z;
    let at = start.a + (i32(e) - above * i32(ROWS)) * params.a_row + i1 * params.a_sums.y + i2 * params.a_sums.z;
    //% if FOURS
    let a_at = at + (above - tap * quads) * 4 * params.a_sums.x;
    weights[e] = vec4f(
      f32(a[a_at]), f32(a[a_at + params.a_sums.x]), f32(a[a_at + 2 * params.a_sums.x]), f32(a[a_at + 3 * params.a_sums.x]),
    );
    //% else
    weights[e] = f32(a[at + (above - tap * quads) * params.a_sums.x]);
    //% end
  }
  workgroupBarrier();
  if n >= params.columns { return; }

  let n01 = n / params.columns2;
  let d0 = n01 / params.columns1;
  let d = vec3i(d0, n01 - d0 * params.columns1, n - n01 * params.columns2);
  var h = start.h + d.y * params.h_column;
  let w_first = start.w + d.z * params.w_column;
  let b_first = start.b + d.x * params.b_d0;
  //% if ACROSS == 1
  let turns = params.sums.x / i32(STEP);
  //% end

  //% for r in 0..ROWS
  var sum${r} = 0.0;
  //% end
  // Loops count down: Dawn adds a counter of its own to a loop that counts up to something that is not a constant.
  var tap = 0u;
  for (var left1 = params.sums.y; left1 > 0; left1--) {
    //% if ACROSS > 1
    let at = b_first + h * params.h_stride + w_first * params.w_stride;
    // It is never more than that; but a compiler that knows this omits the check of each read's index.
    let begin = min(tap, ${WEIGHTS - AT_ONCE * ACROSS}u);
    //% for t in 0..ACROSS
    //% for j in 0..STEP
    let b${t}_${j} = f32(b[at + (${t * B_TAP}) + ${j * B_GAP}]);
    //% end
    //% end
    //% for t in 0..ACROSS
    {
      //% if CHECKED
      let inside = (u32(h) < u32(params.h_extent)) & (u32(w_first + ${t} * params.w_sum) < u32(params.w_extent));
      //% else
      const inside = true;
      //% end
      //% for j in 0..STEP
      let value${j} = select(0.0, b${t}_${j}, inside);
      //% for r in 0..ROWS
      //% if FOURS
      sum${r} = fma(weights[begin + ${t * AT_ONCE + j / 4 * ROWS + r}u][${j % 4}], value${j}, sum${r});
      //% else
      sum${r} = fma(weights[begin + ${t * AT_ONCE + j * ROWS + r}u], value${j}, sum${r});
      //% end
      //% end
      //% end
    }
    //% end
    tap += ${AT_ONCE * ACROSS}u;
    //% else
    var w = w_first;
    for (var left2 = params.sums.z; left2 > 0; left2--) {
      if !CHECKED || (u32(h) < u32(params.h_extent) && u32(w) < u32(params.w_extent)) {
        var at = b_first + h * params.h_stride + w * params.w_stride;
        var weight = tap;
        for (var turn = turns; turn > 0; turn--) {
          let begin = min(weight, ${WEIGHTS - AT_ONCE}u);
          //% for j in 0..STEP
          let b${j} = f32(b[at + ${j * B_GAP}]);
          //% end
          //% for j in 0..STEP
          //% for r in 0..ROWS
          //% if FOURS
          sum${r} = fma(weights[begin + ${j / 4 * ROWS + r}u][${j % 4}], b${j}, sum${r});
          //% else
          sum${r} = fma(weights[begin + ${j * ROWS + r}u], b${j}, sum${r});
          //% end
          //% end
          //% end
          at += ${STEP * B_GAP};
          weight += ${AT_ONCE}u;
        }
      }
      tap += u32(turns) * ${AT_ONCE}u;
      w += params.w_sum;
    }
    //% end
    h += params.h_sum;
  }

  let at = start.c + d.x * params.c_columns.x + d.y * params.c_columns.y + d.z * params.c_columns.z;
  //% for r in 0..ROWS
  store(at + row_offset(${r}), sum${r});
  //% end
}
