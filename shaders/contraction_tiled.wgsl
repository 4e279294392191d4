// What the contractions in tiles share (lanes, slides, bands, resident, tiles): the uniforms and buffers, and where things
// begin. Included by name; the host constants are those of the shader that includes it, and it says by VECTORS_A, VECTORS_B,
// VECTORS_C which buffers are read or written by vec4s.

struct Params {
  rows: i32,
  columns: i32,
  columns1: i32,
  columns2: i32,
  sums: vec4i, // extents of i0, i1, i2; K, their product
  a: vec4i, // offset, batch or grid along h, row, grid along w
  a_sums: vec4i, // and what the grid adds to w
  b: vec4i, // offset, batch or what the grid adds to h, d0, i0
  h: vec4i, // start, column, sum, extent
  w: vec4i,
  hw_stride: vec4i, // of h, of w; in C, of the phases (PHASES) or the grid (GRID)
  c: vec4i, // offset, batch, row, phases along h
  c_columns: vec4i, // and phases along w; or the grid's extent along w
  tiles: vec4i, // along the columns, along the rows; workgroups in all. slides: groups of columns in a row, in all
  parts: vec4i, // of K: their number; the length of each (slides: in values of i0); elements of C in each
  stages: array<vec4u, 3>, // of what was merged into the end (FUSED): see webgpu/fuse.ts
}

@group(0) @binding(0) var<uniform> params: Params;
//% if VECTORS_C
@group(0) @binding(1) var<storage, read_write> c: array<vec4<Out0>>;
//% else
@group(0) @binding(1) var<storage, read_write> c: array<Out0>;
//% end
//% if VECTORS_A
@group(0) @binding(2) var<storage, read> a: array<vec4<In0>>;
//% else
@group(0) @binding(2) var<storage, read> a: array<In0>;
//% end
//% if VECTORS_B
@group(0) @binding(3) var<storage, read> b: array<vec4<In1>>;
//% else
@group(0) @binding(3) var<storage, read> b: array<In1>;
//% end

//% if !VECTORS_C
fn store(at: i32, value: f32) {
  //% if FUSED
  c[at] = Out0(finish(value, u32(at)));
  //% else
  c[at] = Out0(value);
  //% end
}
//% end

// Where row m begins in C. With PHASES its lowest digits count the stride phases of a convolution's image.
fn row_offset(m: i32) -> i32 {
  //% if PHASES
  let above = m / params.c_columns.w;
  let channel = above / params.c.w;
  return channel * params.c.z + (above - channel * params.c.w) * params.hw_stride.z + (m - above * params.c_columns.w) * params.hw_stride.w;
  //% else
  return m * params.c.z;
  //% end
}

struct Start {
  a: i32,
  b: i32,
  h: i32,
  w: i32,
  c: i32,
}

// Where number z of a batch begins; or of a GRID of contractions, which are counted along h and w.
fn start_of(z: i32) -> Start {
  //% if GRID
  let grid0 = z / params.c_columns.w;
  let grid1 = z - grid0 * params.c_columns.w;
  return Start(
    params.a.x + grid0 * params.a.y + grid1 * params.a.w,
    params.b.x,
    params.h.x + grid0 * params.b.y,
    params.w.x + grid1 * params.a_sums.w,
    params.c.x + grid0 * params.hw_stride.z + grid1 * params.hw_stride.w,
  );
  //% else
  return Start(params.a.x + z * params.a.y, params.b.x + z * params.b.y, params.h.x, params.w.x, params.c.x + z * params.c.y);
  //% end
}
