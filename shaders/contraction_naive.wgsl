// C[z, m, n] = sum over i of A(z, m, i) * B(z, n, i), all addresses affine: matmul and every convolution. This is the
// plain kernel, an output a thread, for small tasks and to compare the others with.
// The formulas are in packages/tensor/src/lowering/contraction/task.ts. Host constants: WORKGROUP, PADDED, PHASES, GRID, FUSED.

struct Params {
  rows: u32,
  columns: u32,
  columns1: u32,
  columns2: u32,
  sums: vec4u,
  a: vec4u, // offset, batch or grid along h, row, grid along w
  a_sums: vec4u, // and what the grid adds to w
  b: vec4u, // offset, batch or what the grid adds to h, d0, i0
  h: vec4i, // start, column, sum, extent
  w: vec4i,
  hw_stride: vec4i, // of h, of w; in C, of the phases (PHASES) or the grid (GRID)
  c: vec4u, // offset, batch, row, phases along h
  c_columns: vec4u, // and phases along w; or the grid's extent along w
  outputs: u32, // elements of C
  stages: array<vec4u, 3>, // of what was merged into the end (FUSED): see webgpu/fuse.ts
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> c: array<Out0>;
@group(0) @binding(2) var<storage, read> a: array<In0>;
@group(0) @binding(3) var<storage, read> b: array<In1>;

fn store(at: u32, value: f32) {
  //% if FUSED
  c[at] = Out0(finish(value, at));
  //% else
  c[at] = Out0(value);
  //% end
}

// Where row m begins in C. With PHASES its lowest digits count the stride phases of a convolution's image.
fn row_offset(m: u32) -> u32 {
  //% if PHASES
  let above = m / params.c_columns.w;
  let channel = above / params.c.w;
  return channel * params.c.z + (above - channel * params.c.w) * u32(params.hw_stride.z) + (m - above * params.c_columns.w) * u32(params.hw_stride.w);
  //% else
  return m * params.c.z;
  //% end
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  let index = group_index(id, groups) * WORKGROUP + local;
  if index >= params.outputs { return; }
  let zm = index / params.columns;
  let n = index - zm * params.columns;
  let z = zm / params.rows;
  let m = zm - z * params.rows;
  let n01 = n / params.columns2;
  let d2 = n - n01 * params.columns2;
  let d0 = n01 / params.columns1;
  let d1 = n01 - d0 * params.columns1;
  // Where this one of a batch begins; or of a GRID of contractions, which are counted along h and w.
  //% if GRID
  let grid0 = z / params.c_columns.w;
  let grid1 = z - grid0 * params.c_columns.w;
  let a_start = params.a.x + grid0 * params.a.y + grid1 * params.a.w;
  let b_start = params.b.x;
  let h_start = params.h.x + i32(grid0 * params.b.y);
  let w_start = params.w.x + i32(grid1 * params.a_sums.w);
  let c_start = params.c.x + grid0 * u32(params.hw_stride.z) + grid1 * u32(params.hw_stride.w);
  //% else
  let a_start = params.a.x + z * params.a.y;
  let b_start = params.b.x + z * params.b.y;
  let h_start = params.h.x;
  let w_start = params.w.x;
  let c_start = params.c.x + z * params.c.y;
  //% end
  let a_base = a_start + m * params.a.z;
  let b_base = b_start + d0 * params.b.z;
  let h_first = h_start + i32(d1) * params.h.y;
  let w_first = w_start + i32(d2) * params.w.y;
  var sum = 0.0;
  for (var i0 = 0u; i0 < params.sums.x; i0++) {
    for (var i1 = 0u; i1 < params.sums.y; i1++) {
      let h = h_first + i32(i1) * params.h.z;
      if PADDED && (h < 0 || h >= params.h.w) { continue; }
      let a_row = a_base + i0 * params.a_sums.x + i1 * params.a_sums.y;
      let b_row = i32(b_base + i0 * params.b.w) + h * params.hw_stride.x;
      for (var i2 = 0u; i2 < params.sums.z; i2++) {
        let w = w_first + i32(i2) * params.w.z;
        if PADDED && (w < 0 || w >= params.w.w) { continue; }
        sum += f32(a[a_row + i2 * params.a_sums.z]) * f32(b[b_row + w * params.hw_stride.y]);
      }
    }
  }
  let columns = vec3u(d0, d1, d2) * params.c_columns.xyz;
  store(c_start + row_offset(m) + columns.x + columns.y + columns.z, sum);
}
