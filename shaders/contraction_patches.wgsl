enable subgroups;
// The contraction for convolutions that sum few elements, of images with few channels: B stays, A passes by. A lane has all
// columns of BAND neighbouring rows of one of C's images. It puts the part of B that they see into an array, once, and goes down
// the rows of C. For each row, the lanes fetch A's elements together and hand them round. Then all multiplications follow in one
// run of instructions without branches, each of a register and an element of the array.
//
// The template leaves out what a window sees beyond the image's sides; rows beyond the image are 0.
//   CHANNELS, TAPS_H, TAPS_W: extents of the summed digits; A's elements for a row are neighbours
//   HEIGHT: rows of B that the lane's columns see of a channel, the first of them at FIRST_H, and FIRST_W likewise
//   B_4, C_4: rows of B are read, and a lane's columns stored, by vec4s      FUSED: as in contraction_lanes.wgsl

//% let VECTORS_A = 0
//% let VECTORS_B = B_4
//% let VECTORS_C = C_4
//% let TAPS = CHANNELS * TAPS_H * TAPS_W
//% let LINES = CHANNELS * HEIGHT
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let group = i32(id.x * LANES + local);
  // A lane past the end repeats the last columns and stores nothing.
  let own = min(group, params.groups - 1);
  let image = i32(u32(own) / u32(params.image_groups));
  let d1 = (own - image * params.image_groups) * i32(BAND);
  let start = start_of(i32(id.z));
  let h_first = start.h + d1 * params.h_column;

  // In a loop in which the rows move up: so the array is indexed by constants, and the driver does not take long to compile. The
  // driver must not know the bound, or it unrolls the loop: rows are never negative.
  var seen: array<f32, ${LINES * WIDTH}>;
  let lines = select(${LINES}, 0, params.rows < 0);
  let b_first = start.b + image * params.b_d0;
  for (var line = 0; line < lines; line++) {
    let channel = line / i32(HEIGHT);
    let h = h_first + line - channel * i32(HEIGHT);
    let inside = u32(h) < u32(params.h_extent);
    let b_at = select(0, b_first + channel * params.b_i0 + h * i32(WIDTH), inside);
    //% for i in 0..(LINES - 1) * WIDTH
    seen[${i}] = seen[${i + WIDTH}];
    //% end
    //% if B_4
    //% for v in 0..WIDTH / 4
    let four${v} = select(vec4f(), vec4f(b[(u32(b_at) >> 2u) + ${v}u]), inside);
    //% for j in 0..4
    seen[${(LINES - 1) * WIDTH + 4 * v + j}] = four${v}[${j}];
    //% end
    //% end
    //% else
    //% for p in 0..WIDTH
    seen[${(LINES - 1) * WIDTH + p}] = select(0.0, f32(b[b_at + ${p}]), inside);
    //% end
    //% end
  }

  let c_first = start.c + image * params.c_columns.x + d1 * params.c_columns.y;
  let r_first = i32(id.y) * params.slice_rows;
  for (var r = r_first; r < min(r_first + params.slice_rows, params.rows); r++) {
    //% for v in 0..(TAPS + LANES - 1) / LANES
    let a${v} = f32(a[start.a + r * params.a_row + min(i32(local) + ${v * LANES}, ${TAPS - 1})]);
    //% end
    //% for t in 0..TAPS
    let m${t} = subgroupShuffle(a${t / LANES}, ${t % LANES}u);
    //% end
    //% for s in 0..BAND * COLS
    var sum${s} = 0.0;
    //% for t in 0..TAPS
    //% let line = t / (TAPS_H * TAPS_W) * HEIGHT + FIRST_H + s / COLS * STEP_H + t / TAPS_W % TAPS_H * SUM_H
    //% let p = FIRST_W + s % COLS * STEP_W + t % TAPS_W * SUM_W
    //% if p >= 0 && p < WIDTH
    sum${s} += m${t} * seen[${line * WIDTH + p}];
    //% end
    //% end
    //% end
    if group < params.groups {
      let at = c_first + row_offset(r);
      //% if C_4
      //% for v in 0..BAND * COLS / 4
      let four${v} = vec4f(sum${4 * v}, sum${4 * v + 1}, sum${4 * v + 2}, sum${4 * v + 3});
      //% if FUSED
      c[(u32(at) >> 2u) + ${v}u] = vec4<Out0>(finish(four${v}, u32(at) + ${4 * v}u));
      //% else
      c[(u32(at) >> 2u) + ${v}u] = vec4<Out0>(four${v});
      //% end
      //% end
      //% else
      //% for s in 0..BAND * COLS
      store(at + ${s / COLS} * params.c_columns.y + ${s % COLS} * params.c_columns.z, sum${s});
      //% end
      //% end
    }
  }
}
