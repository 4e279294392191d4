// Elementwise ops with broadcasting. The host appends `fn f(a: A, b: B, c: C, p: vec4<T>) -> T`, the op's own expression, and the
// types A, B, C and T in which the inputs and the result are computed: f32, i32 or u32.
// Host constants: WORKGROUP, ITEMS (elements, or vec4s of them, a thread does), RANK (digits of an output's index). VECTORS: a
// thread does four neighbours at once, which halves the time of a software adapter. Then A_STRAIGHT … says which inputs are read
// straight, A_SPLAT … which have one value for all four neighbours, and A_RUN … which have the four side by side, but not at the
// output's place.

//% if VECTORS
alias Outs = vec4<Out0>;
alias As = vec4<A>;
alias Bs = vec4<B>;
alias Cs = vec4<C>;
//% else
alias Outs = Out0;
alias As = A;
alias Bs = B;
alias Cs = C;
//% end
@group(0) @binding(1) var<storage, read_write> out: array<Outs>;
//% if VECTORS && A_STRAIGHT
@group(0) @binding(2) var<storage, read> in_a: array<vec4<In0>>;
//% else
@group(0) @binding(2) var<storage, read> in_a: array<In0>;
//% end
//% if VECTORS && B_STRAIGHT
@group(0) @binding(3) var<storage, read> in_b: array<vec4<In1>>;
//% else
@group(0) @binding(3) var<storage, read> in_b: array<In1>;
//% end
//% if VECTORS && C_STRAIGHT
@group(0) @binding(4) var<storage, read> in_c: array<vec4<In2>>;
//% else
@group(0) @binding(4) var<storage, read> in_c: array<In2>;
//% end

// Positions: the place in each input of the element for an output index.
//% include digits

//% if VECTORS
fn load_a(i: u32) -> As {
  //% if A_STRAIGHT
  return As(in_a[i]);
  //% else
  //% if A_SPLAT
  return As(A(in_a[positions(4u * i).x]));
  //% else
  //% if A_RUN
  let at = positions(4u * i).x;
  return As(A(in_a[at]), A(in_a[at + 1u]), A(in_a[at + 2u]), A(in_a[at + 3u]));
  //% else
  return As(A(in_a[positions(4u * i).x]), A(in_a[positions(4u * i + 1u).x]), A(in_a[positions(4u * i + 2u).x]), A(in_a[positions(4u * i + 3u).x]));
  //% end
  //% end
  //% end
}

fn load_b(i: u32) -> Bs {
  //% if B_STRAIGHT
  return Bs(in_b[i]);
  //% else
  //% if B_SPLAT
  return Bs(B(in_b[positions(4u * i).y]));
  //% else
  //% if B_RUN
  let at = positions(4u * i).y;
  return Bs(B(in_b[at]), B(in_b[at + 1u]), B(in_b[at + 2u]), B(in_b[at + 3u]));
  //% else
  return Bs(B(in_b[positions(4u * i).y]), B(in_b[positions(4u * i + 1u).y]), B(in_b[positions(4u * i + 2u).y]), B(in_b[positions(4u * i + 3u).y]));
  //% end
  //% end
  //% end
}

fn load_c(i: u32) -> Cs {
  //% if C_STRAIGHT
  return Cs(in_c[i]);
  //% else
  //% if C_SPLAT
  return Cs(C(in_c[positions(4u * i).z]));
  //% else
  //% if C_RUN
  let at = positions(4u * i).z;
  return Cs(C(in_c[at]), C(in_c[at + 1u]), C(in_c[at + 2u]), C(in_c[at + 3u]));
  //% else
  return Cs(C(in_c[positions(4u * i).z]), C(in_c[positions(4u * i + 1u).z]), C(in_c[positions(4u * i + 2u).z]), C(in_c[positions(4u * i + 3u).z]));
  //% end
  //% end
  //% end
}

fn map(a: As, b: Bs, c: Cs) -> Outs {
  return Outs(vec4<T>(f(a.x, b.x, c.x, params.p), f(a.y, b.y, c.y, params.p), f(a.z, b.z, c.z, params.p), f(a.w, b.w, c.w, params.p)));
}
//% else
fn load_a(i: u32) -> A { return A(in_a[positions(i).x]); }
fn load_b(i: u32) -> B { return B(in_b[positions(i).y]); }
fn load_c(i: u32) -> C { return C(in_c[positions(i).z]); }
fn map(a: A, b: B, c: C) -> Outs { return Outs(f(a, b, c, params.p)); }
//% end

fn no_b() -> Bs { return Bs(); }
fn no_c() -> Cs { return Cs(); }

fn items() -> u32 {
  return select(params.size, params.size / 4u, VECTORS);
}

// A workgroup covers WORKGROUP * ITEMS neighbouring elements or vec4s, each thread every WORKGROUP-th of them.
fn first_item(group: u32, local: u32) -> u32 {
  return group * WORKGROUP * ITEMS + local;
}

@compute @workgroup_size(WORKGROUP)
fn unary(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var i = first_item(group_index(wid, groups), local);
  for (var item = 0u; item < ITEMS && i < items(); item++) {
    out[i] = map(load_a(i), no_b(), no_c());
    i += WORKGROUP;
  }
}

@compute @workgroup_size(WORKGROUP)
fn binary(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var i = first_item(group_index(wid, groups), local);
  for (var item = 0u; item < ITEMS && i < items(); item++) {
    out[i] = map(load_a(i), load_b(i), no_c());
    i += WORKGROUP;
  }
}

@compute @workgroup_size(WORKGROUP)
fn ternary(@builtin(workgroup_id) wid: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) local: u32) {
  var i = first_item(group_index(wid, groups), local);
  for (var item = 0u; item < ITEMS && i < items(); item++) {
    out[i] = map(load_a(i), load_b(i), load_c(i));
    i += WORKGROUP;
  }
}
