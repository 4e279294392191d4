enable subgroups;
// The weight gradient of a convolution of few channels, whose sums run over pixels: the lanes divide the pixels. B stays, A
// passes by. A lane has BAND rows of one of A's images, and puts the part of B's plane that windows there see into an array, once
// for all rows of C. For each row it loads A's pixels and makes a sum for each tap, in one run of multiplications without
// branches. Then the lanes add up their sums by exchanging halves, so that each keeps KEPT taps. These sums accumulate in an array
// until the workgroup has done all its bands.
//
// The template leaves out what a window sees beyond the image's sides; rows beyond the image are 0.
//   HEIGHT: rows of B's plane that a band sees, the first of them at FIRST_H, and FIRST_W likewise
//   SLICE: rows of C that a workgroup has, at most
//   A_4, B_4: a band of A's, and rows of B's image, are read by vec4s     FUSED: as in contraction_lanes.wgsl

//% let VECTORS_A = A_4
//% let VECTORS_B = B_4
//% let VECTORS_C = 0
//% let TAPS = TAPS_H * TAPS_W
//% let PIXELS = BAND * OUT_W
//% let FOURS = (PIXELS + 3) / 4
//% let KEPT = (TAPS + LANES - 1) / LANES
//% include contraction_tiled

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(subgroup_invocation_id) local: u32) {
  let channel = i32(u32(id.y) / u32(params.slices));
  let r_first = (i32(id.y) - channel * params.slices) * i32(SLICE);
  let r_end = min(r_first + i32(SLICE), params.rows);
  let start = start_of(i32(id.z));
  let b_first = start.b + channel * params.b_d0;
  let begin = i32(id.x) * params.part_length;
  let end = min(begin + params.part_length, params.groups);
  // The driver unrolls loops whose bounds it knows, so this hides them: rows are never negative.
  let zero = select(0, 1, params.rows < 0);

  var all: array<f32, ${SLICE * KEPT}>;
  var seen: array<f32, ${HEIGHT * WIDTH}>;
  for (var first = begin; first < end; first += i32(LANES)) {
    let group = first + i32(local);
    // A lane past the end repeats the last band and adds nothing.
    let band = min(group, params.groups - 1);
    let image = i32(u32(band) / u32(params.image_groups));
    let line = (band - image * params.image_groups) * i32(BAND);

    // A loop fills the array, moving its elements up: so it is indexed by constants, and the driver compiles few loads. A's loads
    // are few already.
    let h_first = start.h + line * params.h_sum;
    let b_image = b_first + image * params.b_i0;
    for (var h = h_first + zero; h < h_first + ${HEIGHT}; h++) {
      let inside = u32(h) < u32(params.h_extent);
      let b_at = select(0, b_image + h * i32(WIDTH), inside);
      //% for i in 0..(HEIGHT - 1) * WIDTH
      seen[${i}] = seen[${i + WIDTH}];
      //% end
      //% if B_4
      //% for v in 0..WIDTH / 4
      let four${v} = select(vec4f(), vec4f(b[(u32(b_at) >> 2u) + ${v}u]), inside);
      //% for j in 0..4
      seen[${(HEIGHT - 1) * WIDTH + 4 * v + j}] = four${v}[${j}];
      //% end
      //% end
      //% else
      //% for p in 0..WIDTH
      seen[${(HEIGHT - 1) * WIDTH + p}] = select(0.0, f32(b[b_at + ${p}]), inside);
      //% end
      //% end
    }

    let a_first = start.a + image * params.a_sums.x + line * i32(OUT_W);
    for (var r = r_first; r < r_end; r++) {
      let a_at = a_first + r * params.a_row;
      //% for v in 0..FOURS
      //% if A_4
      let four${v} = vec4f(a[(u32(a_at) >> 2u) + ${v}u]);
      //% else
      let four${v} = vec4f(f32(a[a_at + ${4 * v}]), f32(a[a_at + ${4 * v + 1}]), f32(a[a_at + ${4 * v + 2}]), f32(a[a_at + ${4 * v + 3}]));
      //% end
      //% end
      //% for p in 0..PIXELS
      let m${p} = four${p / 4}[${p % 4}];
      //% end
      //% for t in 0..LANES * KEPT
      var sum${t} = 0.0;
      //% end
      //% for t in 0..TAPS
      //% for p in 0..PIXELS
      //% let h = FIRST_H + p / OUT_W * STEP_H + t / TAPS_W * TAP_H
      //% let w = FIRST_W + p % OUT_W * STEP_W + t % TAPS_W * TAP_W
      //% if w >= 0 && w < WIDTH
      sum${t} += m${p} * seen[${h * WIDTH + w}];
      //% end
      //% end
      sum${t} = select(0.0, sum${t}, group < end);
      //% end

      // A lane keeps one half of what is left, and its partner the other. The partner is half as far away as in the turn before.
      //% for m in 2..LANES + 1
      //% if LANES % m == 0
      //% let apart = LANES / m
      //% let half = KEPT * apart
      let upper${m} = (local & ${apart}u) != 0u;
      //% for t in 0..half
      let given${m}_${t} = select(sum${t + half}, sum${t}, upper${m});
      sum${t} = select(sum${t}, sum${t + half}, upper${m}) + subgroupShuffleXor(given${m}_${t}, ${apart}u);
      //% end
      //% end
      //% end
      //% for t in 0..KEPT
      all[(r - r_first) * ${KEPT} + ${t}] += sum${t};
      //% end
    }
  }

  let tap = i32(local) * ${KEPT};
  let c_first = start.c + i32(id.x) * params.part_elements + channel * params.c_columns.x + tap;
  for (var r = r_first; r < r_end; r++) {
    //% for t in 0..KEPT
    if tap + ${t} < ${TAPS} { store(c_first + r * params.c_row + ${t}, all[(r - r_first) * ${KEPT} + ${t}]); }
    //% end
  }
}
