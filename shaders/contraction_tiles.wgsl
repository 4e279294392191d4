// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), as in contraction_naive.wgsl, for GPUs. A workgroup makes a tile of
// TILE_M x TILE_N sums, each thread ROWS x COLUMNS of them in registers, and moves DEPTH values of k at a time through shared
// memory (the two-dimensional register tiling of S. Boehm, "How to optimize a CUDA matmul kernel", with affine addresses).
// Its speed depends on what feeds the multiply-adds:
//
//   - Shared memory holds vec4s, so that 8 x 8 sums cost four reads for 64 multiply-adds. A thread fetches four elements at a
//     time, four k of one row (or column) or, where rows are neighbours in memory, one k of four rows, and stores them as they
//     are: nothing is transposed.
//   - The next block is on its way from memory into registers while the current one is multiplied.
//   - Addresses advance by additions. Where the sums have digits, `walk` holds what each k adds.
//
// A_K4, A_M4, B_K4, B_N4: operands are fetched by vec4s along k, or along rows (columns), else by single elements.
// A_BY_ROW, B_BY_K: for single elements, what neighbouring threads fetch: A's rows, else k; B's k, else columns.
// FLAT, A_FLAT: a step of k is the same everywhere in B, in A.  CHECKED: B is padded.  TAPS: a mask has a bit for each pair
// of i1 and i2 that says whether it lies in B; LINES: if there are too many pairs, a bit for each i1 and for each i2.  TAIL: DEPTH
// does not divide the sums.  C_N4: C is written by vec4s.
// BY_I0: a block of k is DEPTH values of i0 at one i1 and i2, and the blocks count i2, then i1, then i0. All elements that a
// thread fetches then have the gaps A_GAP and B_GAP, and one test tells whether they lie in B. Else a block is DEPTH successive
// values of the digits:
// ROUND: a block is whole rounds of i1 and i2.  STEADY: all blocks of B have the same gaps, B_0, B_1 … from the first k on.
// WALK: length of `walk`, which has all of i1 and i2 and is made once; with ROLLING two blocks, made again as k goes on.
// PIPELINED: as above, with a block's multiply-adds written out; else, for drivers that compile slowly, fetched, then multiplied.
// CLASSES: different columns of B that a thread fetches.  FUSED: results go through finish(), which the host appends.
// The lines with //% are expanded by packages/tensor/src/webgpu/template.ts.

//% let VECTORS_A = A_K4 || A_M4
//% let VECTORS_B = B_K4 || B_N4
//% let VECTORS_C = C_N4
//% include contraction_tiled

//% let ACROSS = TILE_N / COLUMNS
//% let DOWN = TILE_M / ROWS
//% let THREADS = ACROSS * DOWN
// Fours of k in a block; fours of rows, of columns in a tile; groups of four elements that a thread fetches of A, of B.
//% let K4 = DEPTH / 4
//% let M4 = TILE_M / 4
//% let N4 = TILE_N / 4
//% let GROUPS_A = (TILE_M * K4 + THREADS - 1) / THREADS
//% let GROUPS_B = TILE_N * K4 / THREADS

// By one k and four rows (A_M4): [k][row / 4]. By one row and four k: [k / 4][row % 4][row / 4], with gaps, so that neither
// threads that write neighbouring rows, or neighbouring k of a row, nor those that read every fourth row meet in one bank.
const A_ROW = ${M4 + 2}u;
const B_COLUMN = ${N4 + 2}u;
const A_K = 4u * A_ROW + 1u;
const B_K = 4u * B_COLUMN + 1u;
var<workgroup> a_tile: array<vec4f, ${K4}u * A_K>;
var<workgroup> b_tile: array<vec4f, ${K4}u * B_K>;

//% let DIGITS = !FLAT && !BY_I0
//% if DIGITS
// What a k adds to A's and to B's address, to h and to w; with LINES, in place of h: the bits of i1 and of i2.
var<workgroup> walk: array<vec4i, WALK>;

fn walk_to(k: i32) -> vec4i {
  let i01 = k / params.sums.z;
  let i0 = i01 / params.sums.y;
  let i = vec3i(i0, i01 - i0 * params.sums.y, k - i01 * params.sums.z);
  let h = i.y * params.h_sum;
  let w = i.z * params.w_sum;
  let from_a = i.x * params.a_sums.x + i.y * params.a_sums.y + i.z * params.a_sums.z;
  let from_b = i.x * params.b_i0 + h * params.h_stride + w * params.w_stride;
  //% if LINES
  return vec4i(from_a, from_b, (1 << u32(i.y)) | (1 << u32(params.sums.y + i.z)), 0);
  //% else
  return vec4i(from_a, from_b, h, w);
  //% end
}
//% end

fn column_digits(n: i32) -> vec3i {
  let n01 = n / params.columns2;
  let d0 = n01 / params.columns1;
  return vec3i(d0, n01 - d0 * params.columns1, n - n01 * params.columns2);
}

// The digits of the column after that of d.
fn next_digits(d: vec3i) -> vec3i {
  let ends2 = d.z + 1 == params.columns2;
  let ends1 = ends2 && d.y + 1 == params.columns1;
  return vec3i(d.x + i32(ends1), select(select(d.y, d.y + 1, ends2), 0, ends1), select(d.z + 1, 0, ends2));
}

//% if TAPS
// A bit for each k that says whether its tap lies in B, as far as a block that begins at any tap reaches. h and w are those of tap 0.
fn inside_of(h: i32, w: i32) -> u32 {
  var row = 0u;
  for (var i = 0; i < params.sums.z; i++) {
    row |= select(0u, 1u << u32(i), u32(w + i * params.w_sum) < u32(params.w_extent));
  }
  var taps = 0u;
  for (var i = 0; i < params.sums.y; i++) {
    taps |= select(0u, row << u32(i * params.sums.z), u32(h + i * params.h_sum) < u32(params.h_extent));
  }
  var inside = taps;
  let length = params.sums.y * params.sums.z;
  for (var k = length; k < length + i32(DEPTH); k += length) { inside |= taps << u32(k); }
  return inside;
}
//% end

//% if LINES
// A bit for each i1 that says whether h lies in B there, and one for each i2 that says it of w.
fn inside_of(h: i32, w: i32) -> i32 {
  var lines = 0;
  for (var i = 0; i < params.sums.y; i++) {
    lines |= select(0, 1 << u32(i), u32(h + i * params.h_sum) < u32(params.h_extent));
  }
  for (var i = 0; i < params.sums.z; i++) {
    lines |= select(0, 1 << u32(params.sums.y + i), u32(w + i * params.w_sum) < u32(params.w_extent));
  }
  return lines;
}
//% end

@compute @workgroup_size(${THREADS})
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let group = i32(group_index(id, groups));
  if group >= params.groups { return; }
  let above = group / params.across;
  let n_first = (group - above * params.across) * i32(TILE_N);
  let batch_part = above / params.down;
  let m_first = (above - batch_part * params.down) * i32(TILE_M);
  let z = batch_part / params.parts;
  let part = batch_part - z * params.parts;
  let k_first = part * params.part_length;
  let k_end = min(k_first + params.part_length, params.all_sums);

  let start = start_of(z);

  // The groups that the thread fetches: their k in a block (a_k), their place in the tile (a_to), their address (a_at). Beyond the
  // last row or column, the last one is fetched again; the results are not stored.
  //% for e in 0..GROUPS_A
  //% if A_M4
  let a_k${e} = local / ${M4}u + ${e * THREADS / M4}u;
  let a_to${e} = a_k${e} * ${M4}u + local % ${M4}u;
  var a_at${e} = u32(start.a + min(m_first + 4 * i32(local % ${M4}u), params.rows - 4) + (k_first + i32(a_k${e})) * params.a_sums.z) / 4u;
  //% else
  //% if A_BY_ROW
  let a_row${e} = local % TILE_M;
  let a_k${e} = 4u * (local / TILE_M + ${e * THREADS / TILE_M}u);
  //% else
  let a_row${e} = local / ${K4}u + ${e * THREADS / K4}u;
  let a_k${e} = 4u * (local % ${K4}u);
  //% end
  let a_to${e} = a_k${e} / 4u * A_K + a_row${e} % 4u * A_ROW + a_row${e} / 4u;
  //% if BY_I0 && !A_FLAT
  let a_from${e} = start.a + min(m_first + i32(a_row${e}), params.rows - 1) * params.a_row + i32(a_k${e} * ${A_GAP}u);
  //% else
  let a_from${e} = start.a + min(m_first + i32(a_row${e}), params.rows - 1) * params.a_row;
  //% end
  //% if A_FLAT && A_K4
  var a_at${e} = u32(a_from${e} + k_first + i32(a_k${e})) / 4u;
  //% end
  //% if A_FLAT && !A_K4
  var a_at${e} = a_from${e} + (k_first + i32(a_k${e})) * params.a_sums.z;
  //% end
  //% end
  //% end

  //% if FLAT
  let b_step = params.w_sum * params.w_stride;
  //% for e in 0..GROUPS_B
  //% if B_N4
  let b_k${e} = local / ${N4}u + ${e * THREADS / N4}u;
  let b_to${e} = b_k${e} * ${N4}u + local % ${N4}u;
  var b_at${e} = u32(start.b + min(n_first + 4 * i32(local % ${N4}u), params.columns - 4) + (k_first + i32(b_k${e})) * b_step) / 4u;
  //% else
  //% if B_K4 || B_BY_K
  let b_column${e} = local / ${K4}u + ${e * THREADS / K4}u;
  let b_k${e} = 4u * (local % ${K4}u);
  //% else
  let b_column${e} = local % TILE_N + ${e % CLASSES * THREADS}u;
  let b_k${e} = 4u * (local / TILE_N + ${e / CLASSES * (THREADS / TILE_N + (THREADS < TILE_N))}u);
  //% end
  let b_to${e} = b_k${e} / 4u * B_K + b_column${e} % 4u * B_COLUMN + b_column${e} / 4u;
  let b_from${e} = start.b + min(n_first + i32(b_column${e}), params.columns - 1) * params.w_column * params.w_stride;
  //% if B_K4
  var b_at${e} = u32(b_from${e} + k_first + i32(b_k${e})) / 4u;
  //% else
  var b_at${e} = b_from${e} + (k_first + i32(b_k${e})) * b_step;
  //% end
  //% end
  //% end
  //% else
  // Neighbouring threads fetch neighbouring columns.
  //% for e in 0..CLASSES
  let b_column${e} = local % TILE_N + ${e * THREADS}u;
  let d${e} = column_digits(min(n_first + i32(b_column${e}), params.columns - 1));
  let h${e} = start.h + d${e}.y * params.h_column;
  let w${e} = start.w + d${e}.z * params.w_column;
  //% if BY_I0
  let b_from${e} = start.b + d${e}.x * params.b_d0 + h${e} * params.h_stride + w${e} * params.w_stride + i32(local / TILE_N * ${4 * B_GAP * (THREADS > TILE_N)}u);
  //% else
  let b_from${e} = start.b + d${e}.x * params.b_d0 + h${e} * params.h_stride + w${e} * params.w_stride;
  //% end
  //% if TAPS || LINES
  let inside${e} = inside_of(h${e}, w${e});
  //% end
  //% end
  //% let STEP = THREADS / TILE_N + (THREADS < TILE_N)
  let b_to = local / TILE_N * B_K + b_column0 % 4u * B_COLUMN + b_column0 / 4u;
  //% for e in 0..GROUPS_B
  //% if THREADS > TILE_N
  let b_k${e} = 4u * (local / TILE_N + ${e * THREADS / TILE_N}u);
  //% else
  let b_k${e} = ${e / CLASSES * 4}u;
  //% end
  let b_to${e} = b_to + ${e / CLASSES * STEP}u * B_K + ${e % CLASSES * THREADS / 4}u;
  //% end

  //% if BY_I0
  // What a block adds to the addresses, to h and to w when i2 steps; when i1 steps and i2 starts again; and when i0 steps.
  let length = params.sums.y * params.sums.z;
  let block = k_first / i32(DEPTH);
  let round = block / length;
  let i1 = (block - round * length) / params.sums.z;
  let i2 = block - round * length - i1 * params.sums.z;
  let b_i1 = params.h_sum * params.h_stride;
  let b_i2 = params.w_sum * params.w_stride;
  var a_base = round * i32(DEPTH) * params.a_sums.x + i1 * params.a_sums.y + i2 * params.a_sums.z;
  var b_base = round * i32(DEPTH) * params.b_i0 + i1 * b_i1 + i2 * b_i2;
  var h_base = i1 * params.h_sum;
  var w_base = i2 * params.w_sum;
  // Not 0, and so at its end after the last i2 alone.
  let h_walk = select(params.h_sum, 1, params.sums.y == 1);
  let h_end = params.sums.y * h_walk;
  let w_end = params.sums.z * params.w_sum;
  let a_next1 = params.a_sums.y - (params.sums.z - 1) * params.a_sums.z;
  let b_next1 = b_i1 - (params.sums.z - 1) * b_i2;
  let a_next0 = i32(DEPTH) * params.a_sums.x - (params.sums.y - 1) * params.a_sums.y - (params.sums.z - 1) * params.a_sums.z;
  let b_next0 = i32(DEPTH) * params.b_i0 - (params.sums.y - 1) * b_i1 - (params.sums.z - 1) * b_i2;
  //% end
  //% if DIGITS
  // A block's first k is number `first` of the walk, counted from the place of a_base and b_base.
  //% if ROLLING
  if local < DEPTH { walk[local] = walk_to(k_first + i32(local)); }
  var first = 0u;
  let a_base = 0;
  let b_base = 0;
  //% else
  let length = params.sums.y * params.sums.z;
  for (var k = local; k < u32(length) + DEPTH; k += ${THREADS}u) { walk[k] = walk_to(i32(k)); }
  var a_base = k_first / length * params.a_sums.x;
  var b_base = k_first / length * params.b_i0;
  let rounds = i32(DEPTH) / length;
  //% if ROUND
  let first = 0u;
  let begin = 0u;
  //% else
  var first = u32(k_first % length);
  let rest = u32(i32(DEPTH) % length);
  //% end
  //% end
  workgroupBarrier();
  //% end
  //% if ROUND && !A_FLAT && !A_K4
  //% for e in 0..GROUPS_A
  //% for j in 0..4
  let a_at${e}_${j} = a_from${e} + walk[a_k${e} + ${j}u].x;
  //% end
  //% end
  //% end
  //% end

  //% for r in 0..ROWS
  //% for c in 0..COLUMNS
  var sum${r}_${c} = 0.0;
  //% end
  //% end

  let x = local % ${ACROSS}u;
  let y = local / ${ACROSS}u;

  // The first block is fetched and stored (phase 0). Then each next one is fetched, and while it is on its way the one before is
  // multiplied (phase 1). The last is multiplied alone (phase 2). If not PIPELINED, phases 0 and 2 alternate.
  // Blocks are counted down: Dawn adds a counter of its own to a loop that counts up to something that is not a constant.
  let blocks = (k_end - k_first + i32(DEPTH) - 1) / i32(DEPTH);
  //% if !PIPELINED
  for (var ahead = blocks; ahead > 0; ahead--) {
    let k = k_first + (blocks - ahead) * i32(DEPTH);
  //% end
  //% for phase in 0..3
  //% if phase != 1 || PIPELINED
  //% if phase == 0 && PIPELINED
    let k = k_first;
  //% end
  //% if phase == 1
  for (var ahead = blocks - 1; ahead > 0; ahead--) {
    let k = k_first + (blocks - ahead) * i32(DEPTH);
  //% end
    //% if phase > 0
    workgroupBarrier();
    //% end
    //% if phase < 2
    //% if DIGITS && !ROUND
    // It is never more than that; but a compiler that knows this omits the check of each read's index.
    let begin = min(first, WALK - DEPTH);
    //% end
    //% for e in 0..GROUPS_A
    //% if VECTORS_A
    //% if A_FLAT
    let a_got${e} = a[a_at${e}];
    //% else
    let a_got${e} = a[u32(a_from${e} + a_base + walk[begin + a_k${e}].x) / 4u];
    //% end
    //% else
    //% if A_FLAT
    let a_got${e} = vec4(a[a_at${e}], a[a_at${e} + params.a_sums.z], a[a_at${e} + 2 * params.a_sums.z], a[a_at${e} + 3 * params.a_sums.z]);
    //% else
    //% if BY_I0
    let a_at${e} = a_from${e} + a_base;
    //% end
    //% for j in 0..4
    //% if BY_I0
    let a_got${e}_${j} = a[a_at${e} + ${j * A_GAP}];
    //% else
    //% if ROUND
    let a_got${e}_${j} = a[a_at${e}_${j} + a_base];
    //% else
    let a_got${e}_${j} = a[a_from${e} + a_base + walk[begin + a_k${e} + ${j}u].x];
    //% end
    //% end
    //% end
    let a_got${e} = vec4(a_got${e}_0, a_got${e}_1, a_got${e}_2, a_got${e}_3);
    //% end
    //% end
    //% if A_K4 && A_FLAT
    a_at${e} += ${K4}u;
    //% end
    //% if A_M4
    a_at${e} += ${K4}u * u32(params.a_sums.z);
    //% end
    //% if !VECTORS_A && A_FLAT
    a_at${e} += i32(DEPTH) * params.a_sums.z;
    //% end
    //% end
    //% if STEADY || BY_I0
    //% for e in 0..CLASSES
    //% if ROUND || BY_I0
    let b_at${e} = b_from${e} + b_base;
    //% else
    let b_at${e} = b_from${e} + b_base + walk[begin].y;
    //% end
    //% end
    //% end
    //% for e in 0..GROUPS_B
    //% if VECTORS_B
    let b_got${e} = b[b_at${e}];
    //% else
    //% if FLAT
    let b_got${e} = vec4(b[b_at${e}], b[b_at${e} + b_step], b[b_at${e} + 2 * b_step], b[b_at${e} + 3 * b_step]);
    b_at${e} += i32(DEPTH) * b_step;
    //% else
    // An element outside is fetched from some place in B (WGSL promises just that), and masked later.
    //% for j in 0..4
    //% if BY_I0
    //% let STEP = THREADS / TILE_N + (THREADS < TILE_N)
    let b_got${e}_${j} = b[b_at${e % CLASSES} + ${(e / CLASSES * STEP * 4 + j) * B_GAP}];
    //% else
    //% if STEADY
    let b_got${e}_${j} = b[b_at${e % CLASSES} + i32(B_${e / CLASSES * 4 + j})];
    //% else
    let b_got${e}_${j} = b[b_from${e % CLASSES} + b_base + walk[begin + b_k${e} + ${j}u].y];
    //% end
    //% end
    //% end
    let b_got${e} = vec4(b_got${e}_0, b_got${e}_1, b_got${e}_2, b_got${e}_3);
    //% end
    //% end
    //% if B_K4
    b_at${e} += ${K4}u;
    //% end
    //% if B_N4
    b_at${e} += ${K4}u * u32(b_step);
    //% end
    //% end
    //% end
    //% if phase > 0
    // Four k at a time: all of A's elements, then column by column of B where four k lie together, else k by k.
    //% if !PIPELINED
    for (var q = 0u; q < ${K4}u; q++) {
    //% end
    //% for turn in 0..PIPELINED * (K4 - 1) + 1
    {
      //% if PIPELINED
      const q = ${turn}u;
      //% end
      //% for r in 0..ROWS
      //% if A_M4
      let a${r} = a_tile[y + q * TILE_M + ${r % 4 * M4 + r / 4 * DOWN}u];
      //% else
      let a${r} = a_tile[y + q * A_K + ${r % 4 * (M4 + 2) + r / 4 * DOWN}u];
      //% end
      //% end
      //% if B_N4
      //% for j in 0..4
      //% for c in 0..COLUMNS / 4
      let b${j}_${c} = b_tile[x + q * TILE_N + ${j * N4 + c * ACROSS}u];
      //% end
      //% for r in 0..ROWS
      //% for c in 0..COLUMNS
      //% if A_M4
      sum${r}_${c} = fma(a${r / 4 * 4 + j}[${r % 4}], b${j}_${c / 4}[${c % 4}], sum${r}_${c});
      //% else
      sum${r}_${c} = fma(a${r}[${j}], b${j}_${c / 4}[${c % 4}], sum${r}_${c});
      //% end
      //% end
      //% end
      //% end
      //% else
      // Columns by pairs, the second first, so that one wait for shared memory serves both.
      //% for pair in 0..COLUMNS / 2
      //% for c in 2 * pair..2 * pair + 2
      let b${c} = b_tile[x + q * B_K + ${c % 4 * (N4 + 2) + c / 4 * ACROSS}u];
      //% end
      //% for j in 0..4
      //% for r in 0..ROWS
      //% for one in 0..2
      //% let c = 2 * pair + 1 - one
      //% if A_M4
      sum${r}_${c} = fma(a${r / 4 * 4 + j}[${r % 4}], b${c}[${j}], sum${r}_${c});
      //% else
      sum${r}_${c} = fma(a${r}[${j}], b${c}[${j}], sum${r}_${c});
      //% end
      //% end
      //% end
      //% end
      //% end
      //% end
    }
    //% end
    //% if !PIPELINED
    }
    //% end
    //% end
    //% if phase == 1
    workgroupBarrier();
    //% end
    //% if phase < 2
    //% if TAIL
    let left = vec4i(k_end - k) - vec4i(0, 1, 2, 3);
    //% end
    //% for e in 0..GROUPS_A
    {
      var value = vec4f(a_got${e});
      //% if TAIL && A_M4
      value = select(vec4f(), value, vec4(i32(a_k${e}) < left.x));
      //% end
      //% if TAIL && !A_M4
      value = select(vec4f(), value, vec4i(i32(a_k${e})) < left);
      //% end
      //% if TILE_M * K4 % THREADS == 0
      a_tile[a_to${e}] = value;
      //% else
      if local + ${e * THREADS}u < ${TILE_M * K4}u { a_tile[a_to${e}] = value; }
      //% end
    }
    //% end
    //% if BY_I0 && CHECKED
    //% for e in 0..CLASSES
    let inside${e} = (u32(h${e} + h_base) < u32(params.h_extent)) & (u32(w${e} + w_base) < u32(params.w_extent));
    //% end
    //% end
    // The last first, so that one wait for memory suffices.
    //% for last in 0..GROUPS_B
    //% let e = GROUPS_B - 1 - last
    {
      var value = vec4f(b_got${e});
      //% if BY_I0 && CHECKED
      value = select(vec4f(), value, inside${e % CLASSES});
      //% end
      //% if TAIL && B_N4
      value = select(vec4f(), value, vec4(i32(b_k${e}) < left.x));
      //% end
      //% if TAIL && !B_N4
      value = select(vec4f(), value, vec4i(i32(b_k${e})) < left);
      //% end
      //% if TAPS
      //% if ROUND && CLASSES > 1
      // k has no such bits, but compilers do not know. Otherwise they would keep the mask's bit of each tap in a register.
      let bits = inside${e % CLASSES} >> (b_k${e} + u32(k >> 30u));
      //% else
      let bits = inside${e % CLASSES} >> (first + b_k${e});
      //% end
      value = select(vec4f(), value, (vec4u(bits) & vec4u(1, 2, 4, 8)) != vec4u());
      //% end
      //% if CHECKED && !TAPS && !BY_I0
      //% for j in 0..4
      let to${j} = walk[begin + b_k${e} + ${j}u];
      //% end
      //% if LINES
      let lines = vec4i(to0.z, to1.z, to2.z, to3.z);
      value = select(vec4f(), value, (vec4i(inside${e % CLASSES}) & lines) == lines);
      //% else
      let h = vec4u(vec4i(h${e % CLASSES}) + vec4i(to0.z, to1.z, to2.z, to3.z));
      let w = vec4u(vec4i(w${e % CLASSES}) + vec4i(to0.w, to1.w, to2.w, to3.w));
      value = select(vec4f(), value, (h < vec4u(u32(params.h_extent))) & (w < vec4u(u32(params.w_extent))));
      //% end
      //% end
      b_tile[b_to${e}] = value;
    }
    //% end
    //% if BY_I0
    // The use of a comparison follows it at once: scalar registers have a single place for its result.
    let w_next = w_base + params.w_sum;
    let ends2 = w_next == w_end;
    w_base = select(w_next, 0, ends2);
    let h_step = select(0, h_walk, ends2);
    let a_step = select(params.a_sums.z, a_next1, ends2);
    let b_step = select(b_i2, b_next1, ends2);
    let h_next = h_base + h_step;
    let ends1 = h_next == h_end;
    h_base = select(h_next, 0, ends1);
    let a_add = select(a_step, a_next0, ends1);
    let b_add = select(b_step, b_next0, ends1);
    a_base += a_add;
    b_base += b_add;
    //% end
    //% if DIGITS
    //% if ROLLING
    first = DEPTH - first;
    if local < DEPTH { walk[first + local] = walk_to(k + i32(DEPTH + local)); }
    //% else
    //% if ROUND
    let again = 0;
    //% else
    first += rest;
    let again = i32(first >= u32(length));
    first -= u32(again * length);
    //% end
    a_base += (rounds + again) * params.a_sums.x;
    b_base += (rounds + again) * params.b_i0;
    //% end
    //% end
    //% end
  //% if phase == 1
  }
  //% end
  //% end
  //% end
  //% if !PIPELINED
    workgroupBarrier();
  }
  //% end

  let c_base = start.c + part * params.part_elements;
  //% for c in 0..COLUMNS / 4
  {
    let n = n_first + 4 * i32(x + ${c * ACROSS}u);
    //% if C_N4
    let d = column_digits(n) * params.c_columns;
    if n < params.columns {
      //% for r in 0..ROWS
      if m_first + 4 * i32(y) + ${r / 4 * DOWN * 4 + r % 4} < params.rows {
        let at = u32(c_base + d.x + d.y + d.z + row_offset(m_first + 4 * i32(y) + ${r / 4 * DOWN * 4 + r % 4}));
        let sums = vec4f(sum${r}_${4 * c}, sum${r}_${4 * c + 1}, sum${r}_${4 * c + 2}, sum${r}_${4 * c + 3});
        //% if FUSED
        c[at / 4u] = vec4<Out0>(finish(sums, at));
        //% else
        c[at / 4u] = vec4<Out0>(sums);
        //% end
      }
      //% end
    }
    //% else
    let digits0 = column_digits(n);
    //% for j in 0..4
    //% if j > 0
    let digits${j} = next_digits(digits${j - 1});
    //% end
    if n + ${j} < params.columns {
      let d = digits${j} * params.c_columns;
      let column = c_base + d.x + d.y + d.z;
      //% for r in 0..ROWS
      if m_first + 4 * i32(y) + ${r / 4 * DOWN * 4 + r % 4} < params.rows {
        store(column + row_offset(m_first + 4 * i32(y) + ${r / 4 * DOWN * 4 + r % 4}), sum${r}_${4 * c + j});
      }
      //% end
    }
    //% end
    //% end
  }
  //% end
}
