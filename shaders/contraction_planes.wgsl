enable subgroups;
// The weight gradient of a convolution, whose sums run over pixels: B stays, A passes by. Each lane has a channel of B, and keeps
// its plane of one image after the other in an array. Then it goes down C's rows. For each row, the lanes fetch A's pixels
// together and hand them round, and each pixel is multiplied by the pixels of B that the taps of the window see. The template
// leaves out multiplications by padding. The TAPS sums of a row accumulate in C from image to image.
//
// So a turn is one run of instructions without branches. Loaded values serve all taps and, those of B, all rows.
//   B_4: planes are read by vec4s

//% let VECTORS_A = 0
//% let VECTORS_B = B_4
//% let VECTORS_C = 1
//% let PIXELS = OUT_H * OUT_W
//% let PLANE = IN_H * IN_W
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let own = i32(id.x * LANES + local);
  // Lanes past the last channel repeat it and store nothing.
  let channel = min(own, params.channels - 1);
  let z = i32(id.z) / params.parts;
  let part = i32(id.z) - z * params.parts;
  let start = start_of(z);
  let begin = part * params.part_length;
  let end = min(begin + params.part_length, params.sums.x);
  let c_first = start.c + part * params.part_elements + channel * params.c_columns.x;

  var plane: array<f32, ${PLANE}>;
  for (var image = begin; image < end; image++) {
    let b_at = start.b + image * params.b_i0 + channel * params.b_d0;
    // By a computed index, so that the array is in memory: unrolled loads take the driver long to compile, and so do values that
    // live through a loop.
    for (var i = 0; i < ${PLANE}; i += ${1 + 3 * B_4}) {
      //% if B_4
      let four = vec4f(b[u32(b_at + i) >> 2u]);
      //% for j in 0..4
      plane[i + ${j}] = four[${j}];
      //% end
      //% else
      plane[i] = f32(b[b_at + i]);
      //% end
    }

    for (var r = 0; r < params.rows; r++) {
      let a_at = start.a + image * params.a_sums.x + r * params.a_row;
      //% for v in 0..(PIXELS + LANES - 1) / LANES
      let a${v} = f32(a[a_at + min(i32(local) + ${v * LANES}, ${PIXELS - 1})]);
      //% end
      let c_at = u32(c_first + r * params.c_row) >> 2u;
      //% for t in 0..TAPS / 4
      var four${t} = vec4f();
      //% end
      if image > begin {
        //% for t in 0..TAPS / 4
        four${t} = vec4f(c[c_at + ${t}u]);
        //% end
      }
      //% for t in 0..TAPS
      var sum${t} = four${t / 4}[${t % 4}];
      //% end
      //% for p in 0..PIXELS
      let m${p} = subgroupShuffle(a${p / LANES}, ${p % LANES}u);
      //% for t in 0..TAPS
      //% let h = FIRST_H + p / OUT_W * STEP_H + t / TAPS_W * TAP_H
      //% let w = FIRST_W + p % OUT_W * STEP_W + t % TAPS_W * TAP_W
      //% if h >= 0 && h < IN_H && w >= 0 && w < IN_W
      sum${t} += m${p} * plane[${h * IN_W + w}];
      //% end
      //% end
      //% end
      // Without this, the driver moves the sums that are stored later behind the first store, each with all its products.
      // Rows are never negative.
      var all_sums = sum0;
      //% for t in 1..TAPS
      all_sums += sum${t};
      //% end
      sum0 = select(sum0, all_sums, params.rows < 0);
      if own < params.channels {
        //% for t in 0..TAPS / 4
        c[c_at + ${t}u] = vec4f(sum${4 * t}, sum${4 * t + 1}, sum${4 * t + 2}, sum${4 * t + 3});
        //% end
      }
    }
  }
}
