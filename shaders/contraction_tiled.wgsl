// Shared by the contractions: the buffers, and where rows and batches begin. Included by name. The host constants are those of
// the including shader, which says by VECTORS_A, VECTORS_B, VECTORS_C which buffers are read or written by vec4s. The uniforms
// are declared in packages/tensor/src/lowering/contraction/layout.ts.

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
  let above = m / params.phases.y;
  let channel = above / params.phases.x;
  let phase = vec2i(above - channel * params.phases.x, m - above * params.phases.y) * params.phase_strides;
  return channel * params.c_row + phase.x + phase.y;
  //% else
  return m * params.c_row;
  //% end
}

struct Start {
  a: i32,
  b: i32,
  h: i32,
  w: i32,
  c: i32,
}

// Where number z of a batch begins, or of a GRID of contractions, which are counted along h and w.
fn start_of(z: i32) -> Start {
  //% if GRID
  let grid0 = z / params.grid_columns;
  let grid1 = z - grid0 * params.grid_columns;
  return Start(
    params.a_offset + grid0 * params.grid_a.x + grid1 * params.grid_a.y,
    params.b_offset,
    params.h_start + grid0 * params.grid_starts.x,
    params.w_start + grid1 * params.grid_starts.y,
    params.c_offset + grid0 * params.grid_c.x + grid1 * params.grid_c.y,
  );
  //% else
  return Start(params.a_offset + z * params.a_batch, params.b_offset + z * params.b_batch, params.h_start, params.w_start, params.c_offset + z * params.c_batch);
  //% end
}
