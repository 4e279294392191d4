enable subgroups;
// The contraction of contraction_slides.wgsl for images that fit a subgroup. A lane has a band of the image: BAND rows of C's
// image and the OWN rows of B's that lie under them. LINES lanes have the whole image. The rows above and below that the window
// sees belong to the neighbouring lanes and come by a shuffle; past the image's edge they are padding. So each element of B is
// loaded once, by vec4s if a band is a whole number of them (B_4), and nothing is checked.
//
// Window rows are counted from the lane's first, o = FIRST_H + ph * GRID_H + band * STEP_H + i1 * SUM_H, and columns as
// p = FIRST_W + …; the template knows all of this, and leaves out the multiplications by padding at the sides.
//   PHASES_H, PHASES_W: the grid of an input gradient's stride phases, all of them in one workgroup
//   A's TAPS elements for one row and one i0 are neighbours, in an order given by A_FIRST, A_PH …
//   UP, DOWN: rows needed of the neighbours      FUSED: as in contraction_lanes.wgsl

//% let VECTORS_A = 1
//% let VECTORS_B = B_4
//% let VECTORS_C = 0
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let lane = i32(local);
  let line = lane % i32(LINES);
  let image = i32(id.x * IMAGES) + lane / i32(LINES);
  let m_first = i32(id.y * ROWS);
  let above = max(local, 1u) - 1u;
  let below = min(local + 1u, LANES - 1u);

  // Lanes past the end repeat the last image and store nothing.
  let own = min(image, params.images - 1);
  let b_first = params.b_offset + own * params.b_d0 + line * i32(OWN * WIDTH);
  // The ROWS * TAPS elements of A as vec4s, dealt to the lanes one by one.
  //% for v in 0..VECTORS
  let four${v} = lane + ${v * LANES};
  let a_at${v} = params.a_begin + min(m_first + four${v} / ${TAPS / 4}, params.rows - 1) * params.a_row + four${v} % ${TAPS / 4} * 4;
  //% end

  // By row of A, phase, row of the band, column.
  //% for s in 0..ROWS * PHASES_H * PHASES_W * BAND * COLS
  var sum${s} = 0.0;
  //% end

  for (var i0 = 0; i0 < params.sums.x; i0++) {
    let b_at = b_first + i0 * params.b_i0;
    //% if B_4
    //% for v in 0..OWN * WIDTH / 4
    let band${v} = vec4f(b[(u32(b_at) >> 2u) + ${v}u]);
    //% end
    //% end
    //% for w in 0..OWN
    //% for p in 0..WIDTH
    //% if B_4
    let x1_${w}_${p} = band${(w * WIDTH + p) / 4}[${(w * WIDTH + p) % 4}];
    //% else
    let x1_${w}_${p} = f32(b[b_at + ${w * WIDTH + p}]);
    //% end
    //% end
    //% end
    //% for w in OWN - UP..OWN
    //% for p in 0..WIDTH
    let x0_${w}_${p} = select(0.0, subgroupShuffle(x1_${w}_${p}, above), line > 0);
    //% end
    //% end
    //% for w in 0..DOWN
    //% for p in 0..WIDTH
    let x2_${w}_${p} = select(0.0, subgroupShuffle(x1_${w}_${p}, below), line + 1 < i32(LINES));
    //% end
    //% end

    let a_walk = i0 * params.a_sums.x;
    //% for v in 0..VECTORS
    let a${v} = vec4f(a[u32(a_at${v} + a_walk) >> 2u]);
    //% end
    //% for r in 0..ROWS
    //% for ph in 0..PHASES_H
    //% for pw in 0..PHASES_W
    //% for i1 in 0..TAPS_H
    //% for i2 in 0..TAPS_W
    //% let t = A_FIRST + ph * A_PH + pw * A_PW + i1 * A_I1 + i2 * A_I2
    //% let e = (r * TAPS + t) / 4
    let m${r}_${t} = subgroupShuffle(a${e / LANES}[${t % 4}], ${e % LANES}u);
    //% for band in 0..BAND
    //% let o = OWN + FIRST_H + ph * GRID_H + band * STEP_H + i1 * SUM_H
    //% for q in 0..COLS
    //% let p = FIRST_W + pw * GRID_W + q * STEP_W + i2 * SUM_W
    //% if p >= 0 && p < WIDTH
    sum${(((r * PHASES_H + ph) * PHASES_W + pw) * BAND + band) * COLS + q} += m${r}_${t} * x${o / OWN}_${o % OWN}_${p};
    //% end
    //% end
    //% end
    //% end
    //% end
    //% end
    //% end
    //% end
  }

  if image >= params.images || lane >= i32(IMAGES * LINES) { return; }
  let c_first = params.c_offset + image * params.c_columns.x + line * i32(BAND) * params.c_columns.y;
  // Phase by phase in a loop in which the later sums move up: unrolled stores take the driver long to compile.
  let lines = min(i32(ROWS), params.rows - m_first) * i32(PHASES_H * PHASES_W);
  for (var at_line = 0; at_line < lines; at_line++) {
    let r = m_first + at_line / i32(PHASES_H * PHASES_W);
    let ph = at_line / i32(PHASES_W) % i32(PHASES_H);
    let pw = at_line % i32(PHASES_W);
    let at = c_first + r * params.c_row + ph * params.grid_c.x + pw * params.grid_c.y;
    //% for band in 0..BAND
    //% for q in 0..COLS
    store(at + ${band} * params.c_columns.y + ${q} * params.c_columns.z, sum${band * COLS + q});
    //% end
    //% end
    //% for s in BAND * COLS..ROWS * PHASES_H * PHASES_W * BAND * COLS
    sum${s - BAND * COLS} = sum${s};
    //% end
  }
}
