// What WGSL has built in, for CUDA C++: `cuda.ts` puts it before the kernels that it translates. They are compiled, never run:
// it has to cost what WGSL's own costs, and no more.
#include <type_traits>

namespace wgsl {

#define BOTH __device__ __forceinline__

using f32 = float;
using i32 = int;
using u32 = unsigned;
// Numbers are stored in it; what is computed is f32.
struct f16 {
  unsigned short bits;
  f16() = default;
  BOTH explicit f16(f32 v) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(v)); }
  BOTH explicit operator f32() const {
    f32 v;
    asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(bits));
    return v;
  }
};

template <class T> concept Number = std::is_arithmetic_v<T>;
template <class A, class B> using Common = decltype(A() + B());

template <class T, int N> struct array {
  T at[N];
  array() = default;
  template <class... A> BOTH constexpr array(A... a) : at{T(a)...} {}
  BOTH T &operator[](u32 i) { return at[i]; }
  BOTH const T &operator[](u32 i) const { return at[i]; }
};

template <class T> struct vec2;
template <class T> struct vec3;
template <class T> struct vec4;
template <class T> BOTH vec2<T> picked(T x, T y);
template <class T> BOTH vec3<T> picked(T x, T y, T z);
template <class T> BOTH vec4<T> picked(T x, T y, T z, T w);

// Of `v.wzyx`, which `cuda.ts` writes as `v.pick<3, 2, 1, 0>()`.
template <class T> struct vec2 {
  T x, y;
  vec2() = default;
  BOTH constexpr vec2(T x, T y) : x(x), y(y) {}
  template <class U> BOTH constexpr explicit vec2(vec2<U> v) : x(T(v.x)), y(T(v.y)) {}
  BOTH constexpr explicit vec2(T v) : x(v), y(v) {}
  BOTH T &operator[](u32 i) { return (&x)[i]; }
  BOTH const T &operator[](u32 i) const { return (&x)[i]; }
  template <u32... I> BOTH auto pick() const { return picked((*this)[I]...); }
};

template <class T> struct vec3 {
  T x, y, z;
  vec3() = default;
  BOTH constexpr vec3(T x, T y, T z) : x(x), y(y), z(z) {}
  template <class U> BOTH constexpr explicit vec3(vec3<U> v) : x(T(v.x)), y(T(v.y)), z(T(v.z)) {}
  BOTH constexpr explicit vec3(T v) : x(v), y(v), z(v) {}
  BOTH T &operator[](u32 i) { return (&x)[i]; }
  BOTH const T &operator[](u32 i) const { return (&x)[i]; }
  template <u32... I> BOTH auto pick() const { return picked((*this)[I]...); }
};

template <class T> struct alignas(sizeof(T) * 4) vec4 {
  T x, y, z, w;
  vec4() = default;
  BOTH constexpr vec4(T x, T y, T z, T w) : x(x), y(y), z(z), w(w) {}
  template <class U> BOTH constexpr explicit vec4(vec4<U> v) : x(T(v.x)), y(T(v.y)), z(T(v.z)), w(T(v.w)) {}
  BOTH constexpr explicit vec4(T v) : x(v), y(v), z(v), w(v) {}
  BOTH constexpr vec4(vec3<T> v, T w) : x(v.x), y(v.y), z(v.z), w(w) {}
  BOTH constexpr vec4(vec2<T> v, vec2<T> u) : x(v.x), y(v.y), z(u.x), w(u.y) {}
  BOTH T &operator[](u32 i) { return (&x)[i]; }
  BOTH const T &operator[](u32 i) const { return (&x)[i]; }
  template <u32... I> BOTH auto pick() const { return picked((*this)[I]...); }
};

template <class T> BOTH vec2<T> picked(T x, T y) { return vec2<T>(x, y); }
template <class T> BOTH vec3<T> picked(T x, T y, T z) { return vec3<T>(x, y, z); }
template <class T> BOTH vec4<T> picked(T x, T y, T z, T w) { return vec4<T>(x, y, z, w); }

using vec2f = vec2<f32>;
using vec2i = vec2<i32>;
using vec2u = vec2<u32>;
using vec3f = vec3<f32>;
using vec3i = vec3<i32>;
using vec3u = vec3<u32>;
using vec4f = vec4<f32>;
using vec4i = vec4<i32>;
using vec4u = vec4<u32>;

// A function of one, two or three numbers, component by component: F(a.x, b.x) …
#define EACH1(NAME, F) \
  template <class A> BOTH auto NAME(vec2<A> a) { return vec2(F(a.x), F(a.y)); } \
  template <class A> BOTH auto NAME(vec3<A> a) { return vec3(F(a.x), F(a.y), F(a.z)); } \
  template <class A> BOTH auto NAME(vec4<A> a) { return vec4(F(a.x), F(a.y), F(a.z), F(a.w)); }
#define EACH2(NAME, F) \
  template <class A, class B> BOTH auto NAME(vec2<A> a, vec2<B> b) { return vec2(F(a.x, b.x), F(a.y, b.y)); } \
  template <class A, class B> BOTH auto NAME(vec3<A> a, vec3<B> b) { return vec3(F(a.x, b.x), F(a.y, b.y), F(a.z, b.z)); } \
  template <class A, class B> BOTH auto NAME(vec4<A> a, vec4<B> b) { \
    return vec4(F(a.x, b.x), F(a.y, b.y), F(a.z, b.z), F(a.w, b.w)); \
  }
#define EACH_OPERATOR(OP) \
  EACH2(operator OP, [](auto u, auto v) { return u OP v; }) \
  template <class A, Number B> BOTH auto operator OP(vec2<A> a, B b) { return a OP vec2<A>(A(b)); } \
  template <class A, Number B> BOTH auto operator OP(vec3<A> a, B b) { return a OP vec3<A>(A(b)); } \
  template <class A, Number B> BOTH auto operator OP(vec4<A> a, B b) { return a OP vec4<A>(A(b)); } \
  template <class A, Number B> BOTH auto operator OP(B b, vec2<A> a) { return vec2<A>(A(b)) OP a; } \
  template <class A, Number B> BOTH auto operator OP(B b, vec3<A> a) { return vec3<A>(A(b)) OP a; } \
  template <class A, Number B> BOTH auto operator OP(B b, vec4<A> a) { return vec4<A>(A(b)) OP a; }
EACH_OPERATOR(+)
EACH_OPERATOR(-)
EACH_OPERATOR(*)
EACH_OPERATOR(/)
EACH_OPERATOR(%)
EACH_OPERATOR(<<)
EACH_OPERATOR(>>)
EACH_OPERATOR(^)
EACH_OPERATOR(<)
EACH_OPERATOR(<=)
EACH_OPERATOR(>)
EACH_OPERATOR(>=)
EACH_OPERATOR(==)
EACH_OPERATOR(!=)
// Of truth values they are truth values, not numbers.
EACH2(operator&, [](auto u, auto v) { return decltype(u)(u & v); })
EACH2(operator|, [](auto u, auto v) { return decltype(u)(u | v); })
template <class A, Number B> BOTH auto operator&(vec4<A> a, B b) { return a & vec4<A>(A(b)); }
template <class A, Number B> BOTH auto operator|(vec4<A> a, B b) { return a | vec4<A>(A(b)); }
EACH1(operator-, [](auto v) { return -v; })
EACH1(operator!, [](auto v) { return !v; })
#define EACH_ASSIGNMENT(OP) \
  template <class A, class B> BOTH vec2<A> &operator OP##=(vec2<A> &a, B b) { return a = a OP b; } \
  template <class A, class B> BOTH vec3<A> &operator OP##=(vec3<A> &a, B b) { return a = a OP b; } \
  template <class A, class B> BOTH vec4<A> &operator OP##=(vec4<A> &a, B b) { return a = a OP b; }
EACH_ASSIGNMENT(+)
EACH_ASSIGNMENT(-)
EACH_ASSIGNMENT(*)
EACH_ASSIGNMENT(/)
EACH_ASSIGNMENT(&)
EACH_ASSIGNMENT(|)
EACH_ASSIGNMENT(^)

template <Number A, Number B> BOTH Common<A, B> min(A a, B b) { return a < b ? a : b; }
template <Number A, Number B> BOTH Common<A, B> max(A a, B b) { return a > b ? a : b; }
BOTH f32 min(f32 a, f32 b) { return ::fminf(a, b); }
BOTH f32 max(f32 a, f32 b) { return ::fmaxf(a, b); }
EACH2(min, min)
EACH2(max, max)
template <class T, class A, class B> BOTH T clamp(T v, A low, B high) { return min(max(v, low), high); }
BOTH f32 fma(f32 a, f32 b, f32 c) { return ::fmaf(a, b, c); }
BOTH f32 mod(f32 a, f32 b) { return ::fmodf(a, b); }
BOTH f32 pow(f32 a, f32 b) { return ::__powf(a, b); }
BOTH f32 sign(f32 v) { return f32((v > 0) - (v < 0)); }
BOTH i32 abs(i32 v) { return v < 0 ? -v : v; }
#define REAL(NAME, F) BOTH f32 NAME(f32 v) { return F(v); } EACH1(NAME, NAME)
REAL(abs, ::fabsf)
REAL(floor, ::floorf)
REAL(ceil, ::ceilf)
REAL(round, ::rintf)
REAL(trunc, ::truncf)
REAL(sqrt, ::sqrtf)
REAL(inverseSqrt, ::rsqrtf)
REAL(exp, ::__expf)
REAL(exp2, ::exp2f)
REAL(log, ::__logf)
REAL(log2, ::__log2f)
REAL(sin, ::__sinf)
REAL(cos, ::__cosf)
REAL(tan, ::__tanf)
REAL(tanh, ::tanhf)
REAL(sinh, ::sinhf)
REAL(cosh, ::coshf)
REAL(asin, ::asinf)
REAL(acos, ::acosf)
REAL(atan, ::atanf)
REAL(asinh, ::asinhf)
REAL(acosh, ::acoshf)
REAL(atanh, ::atanhf)
template <class A, class B> BOTH auto dot(vec2<A> a, vec2<B> b) { return a.x * b.x + a.y * b.y; }
template <class A, class B> BOTH auto dot(vec3<A> a, vec3<B> b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
template <class A, class B> BOTH auto dot(vec4<A> a, vec4<B> b) { return a.x * b.x + a.y * b.y + a.z * b.z + a.w * b.w; }

template <Number A, Number B> BOTH auto select(A no, B yes, bool which) {
  using T = std::conditional_t<std::is_same_v<A, B>, A, Common<A, B>>;
  return which ? T(yes) : T(no);
}
template <class V> BOTH V select(V no, V yes, bool which) requires(!Number<V>) { return which ? yes : no; }
template <class T> BOTH vec2<T> select(vec2<T> a, vec2<T> b, vec2<bool> w) { return vec2<T>(w.x ? b.x : a.x, w.y ? b.y : a.y); }
template <class T> BOTH vec3<T> select(vec3<T> a, vec3<T> b, vec3<bool> w) {
  return vec3<T>(w.x ? b.x : a.x, w.y ? b.y : a.y, w.z ? b.z : a.z);
}
template <class T> BOTH vec4<T> select(vec4<T> a, vec4<T> b, vec4<bool> w) {
  return vec4<T>(w.x ? b.x : a.x, w.y ? b.y : a.y, w.z ? b.z : a.z, w.w ? b.w : a.w);
}
BOTH bool all(vec2<bool> v) { return v.x && v.y; }
BOTH bool all(vec3<bool> v) { return v.x && v.y && v.z; }
BOTH bool all(vec4<bool> v) { return v.x && v.y && v.z && v.w; }
BOTH bool any(vec2<bool> v) { return v.x || v.y; }
BOTH bool any(vec3<bool> v) { return v.x || v.y || v.z; }
BOTH bool any(vec4<bool> v) { return v.x || v.y || v.z || v.w; }

template <class T, Number F> BOTH T bitcast(F v) {
  static_assert(sizeof(T) == sizeof(F));
  T bits;
  memcpy(&bits, &v, sizeof(T));
  return bits;
}
template <class T, class F> BOTH T bitcast(vec4<F> v) { return T(bitcast<decltype(T().x)>(v.x), bitcast<decltype(T().x)>(v.y), bitcast<decltype(T().x)>(v.z), bitcast<decltype(T().x)>(v.w)); }
BOTH u32 countOneBits(u32 v) { return ::__popc(v); }
BOTH u32 countLeadingZeros(u32 v) { return ::__clz(v); }
BOTH u32 firstLeadingBit(u32 v) { return 31u - ::__clz(v); }
BOTH u32 reverseBits(u32 v) { return ::__brev(v); }

BOTH void workgroupBarrier() { ::__syncthreads(); }
template <class T> BOTH T subgroupShuffle(T v, u32 lane) { return ::__shfl_sync(~0u, v, lane); }
template <class T> BOTH T subgroupShuffleXor(T v, u32 mask) { return ::__shfl_xor_sync(~0u, v, mask); }
template <class T> BOTH T subgroupShuffleUp(T v, u32 by) { return ::__shfl_up_sync(~0u, v, by); }
template <class T> BOTH T subgroupShuffleDown(T v, u32 by) { return ::__shfl_down_sync(~0u, v, by); }
template <class T> BOTH T subgroupBroadcast(T v, u32 lane) { return ::__shfl_sync(~0u, v, lane); }

}  // namespace wgsl
