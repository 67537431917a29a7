// Structured bindings of 1 to 100 names, one table entry per number of fields:
// C++20 can write them only by counting. binder<N>::apply(object, f) calls
// f(field0, field1, ...) with the fields of an object that has exactly N.
// Knows nothing of codecs.
#pragma once

#include <cstddef>

namespace pawl::detail {

inline constexpr std::size_t fields_max = 100;

template <std::size_t N>
struct binder;

template <>
struct binder<0> {
  template <class T, class F>
  static constexpr decltype(auto) apply(T&, F f) {
    return f();
  }
};

// clang-format off
#define PAWL_DETAIL_BIND(N, ...)                                                                        \
  template <> struct binder<N> {                                                                        \
    template <class T, class F> static constexpr decltype(auto) apply(T& object, F f) {                 \
      auto& [__VA_ARGS__] = object;                                                                     \
      return f(__VA_ARGS__);                                                                            \
    }                                                                                                   \
  };

#define PAWL_DETAIL_10 a0, a1, a2, a3, a4, a5, a6, a7, a8, a9
#define PAWL_DETAIL_20 PAWL_DETAIL_10, b0, b1, b2, b3, b4, b5, b6, b7, b8, b9
#define PAWL_DETAIL_30 PAWL_DETAIL_20, c0, c1, c2, c3, c4, c5, c6, c7, c8, c9
#define PAWL_DETAIL_40 PAWL_DETAIL_30, d0, d1, d2, d3, d4, d5, d6, d7, d8, d9
#define PAWL_DETAIL_50 PAWL_DETAIL_40, e0, e1, e2, e3, e4, e5, e6, e7, e8, e9
#define PAWL_DETAIL_60 PAWL_DETAIL_50, f0, f1, f2, f3, f4, f5, f6, f7, f8, f9
#define PAWL_DETAIL_70 PAWL_DETAIL_60, g0, g1, g2, g3, g4, g5, g6, g7, g8, g9
#define PAWL_DETAIL_80 PAWL_DETAIL_70, h0, h1, h2, h3, h4, h5, h6, h7, h8, h9
#define PAWL_DETAIL_90 PAWL_DETAIL_80, i0, i1, i2, i3, i4, i5, i6, i7, i8, i9
#define PAWL_DETAIL_100 PAWL_DETAIL_90, j0, j1, j2, j3, j4, j5, j6, j7, j8, j9

PAWL_DETAIL_BIND(1, a0)
PAWL_DETAIL_BIND(2, a0, a1)
PAWL_DETAIL_BIND(3, a0, a1, a2)
PAWL_DETAIL_BIND(4, a0, a1, a2, a3)
PAWL_DETAIL_BIND(5, a0, a1, a2, a3, a4)
PAWL_DETAIL_BIND(6, a0, a1, a2, a3, a4, a5)
PAWL_DETAIL_BIND(7, a0, a1, a2, a3, a4, a5, a6)
PAWL_DETAIL_BIND(8, a0, a1, a2, a3, a4, a5, a6, a7)
PAWL_DETAIL_BIND(9, a0, a1, a2, a3, a4, a5, a6, a7, a8)
PAWL_DETAIL_BIND(10, PAWL_DETAIL_10)
PAWL_DETAIL_BIND(11, PAWL_DETAIL_10, b0)
PAWL_DETAIL_BIND(12, PAWL_DETAIL_10, b0, b1)
PAWL_DETAIL_BIND(13, PAWL_DETAIL_10, b0, b1, b2)
PAWL_DETAIL_BIND(14, PAWL_DETAIL_10, b0, b1, b2, b3)
PAWL_DETAIL_BIND(15, PAWL_DETAIL_10, b0, b1, b2, b3, b4)
PAWL_DETAIL_BIND(16, PAWL_DETAIL_10, b0, b1, b2, b3, b4, b5)
PAWL_DETAIL_BIND(17, PAWL_DETAIL_10, b0, b1, b2, b3, b4, b5, b6)
PAWL_DETAIL_BIND(18, PAWL_DETAIL_10, b0, b1, b2, b3, b4, b5, b6, b7)
PAWL_DETAIL_BIND(19, PAWL_DETAIL_10, b0, b1, b2, b3, b4, b5, b6, b7, b8)
PAWL_DETAIL_BIND(20, PAWL_DETAIL_20)
PAWL_DETAIL_BIND(21, PAWL_DETAIL_20, c0)
PAWL_DETAIL_BIND(22, PAWL_DETAIL_20, c0, c1)
PAWL_DETAIL_BIND(23, PAWL_DETAIL_20, c0, c1, c2)
PAWL_DETAIL_BIND(24, PAWL_DETAIL_20, c0, c1, c2, c3)
PAWL_DETAIL_BIND(25, PAWL_DETAIL_20, c0, c1, c2, c3, c4)
PAWL_DETAIL_BIND(26, PAWL_DETAIL_20, c0, c1, c2, c3, c4, c5)
PAWL_DETAIL_BIND(27, PAWL_DETAIL_20, c0, c1, c2, c3, c4, c5, c6)
PAWL_DETAIL_BIND(28, PAWL_DETAIL_20, c0, c1, c2, c3, c4, c5, c6, c7)
PAWL_DETAIL_BIND(29, PAWL_DETAIL_20, c0, c1, c2, c3, c4, c5, c6, c7, c8)
PAWL_DETAIL_BIND(30, PAWL_DETAIL_30)
PAWL_DETAIL_BIND(31, PAWL_DETAIL_30, d0)
PAWL_DETAIL_BIND(32, PAWL_DETAIL_30, d0, d1)
PAWL_DETAIL_BIND(33, PAWL_DETAIL_30, d0, d1, d2)
PAWL_DETAIL_BIND(34, PAWL_DETAIL_30, d0, d1, d2, d3)
PAWL_DETAIL_BIND(35, PAWL_DETAIL_30, d0, d1, d2, d3, d4)
PAWL_DETAIL_BIND(36, PAWL_DETAIL_30, d0, d1, d2, d3, d4, d5)
PAWL_DETAIL_BIND(37, PAWL_DETAIL_30, d0, d1, d2, d3, d4, d5, d6)
PAWL_DETAIL_BIND(38, PAWL_DETAIL_30, d0, d1, d2, d3, d4, d5, d6, d7)
PAWL_DETAIL_BIND(39, PAWL_DETAIL_30, d0, d1, d2, d3, d4, d5, d6, d7, d8)
PAWL_DETAIL_BIND(40, PAWL_DETAIL_40)
PAWL_DETAIL_BIND(41, PAWL_DETAIL_40, e0)
PAWL_DETAIL_BIND(42, PAWL_DETAIL_40, e0, e1)
PAWL_DETAIL_BIND(43, PAWL_DETAIL_40, e0, e1, e2)
PAWL_DETAIL_BIND(44, PAWL_DETAIL_40, e0, e1, e2, e3)
PAWL_DETAIL_BIND(45, PAWL_DETAIL_40, e0, e1, e2, e3, e4)
PAWL_DETAIL_BIND(46, PAWL_DETAIL_40, e0, e1, e2, e3, e4, e5)
PAWL_DETAIL_BIND(47, PAWL_DETAIL_40, e0, e1, e2, e3, e4, e5, e6)
PAWL_DETAIL_BIND(48, PAWL_DETAIL_40, e0, e1, e2, e3, e4, e5, e6, e7)
PAWL_DETAIL_BIND(49, PAWL_DETAIL_40, e0, e1, e2, e3, e4, e5, e6, e7, e8)
PAWL_DETAIL_BIND(50, PAWL_DETAIL_50)
PAWL_DETAIL_BIND(51, PAWL_DETAIL_50, f0)
PAWL_DETAIL_BIND(52, PAWL_DETAIL_50, f0, f1)
PAWL_DETAIL_BIND(53, PAWL_DETAIL_50, f0, f1, f2)
PAWL_DETAIL_BIND(54, PAWL_DETAIL_50, f0, f1, f2, f3)
PAWL_DETAIL_BIND(55, PAWL_DETAIL_50, f0, f1, f2, f3, f4)
PAWL_DETAIL_BIND(56, PAWL_DETAIL_50, f0, f1, f2, f3, f4, f5)
PAWL_DETAIL_BIND(57, PAWL_DETAIL_50, f0, f1, f2, f3, f4, f5, f6)
PAWL_DETAIL_BIND(58, PAWL_DETAIL_50, f0, f1, f2, f3, f4, f5, f6, f7)
PAWL_DETAIL_BIND(59, PAWL_DETAIL_50, f0, f1, f2, f3, f4, f5, f6, f7, f8)
PAWL_DETAIL_BIND(60, PAWL_DETAIL_60)
PAWL_DETAIL_BIND(61, PAWL_DETAIL_60, g0)
PAWL_DETAIL_BIND(62, PAWL_DETAIL_60, g0, g1)
PAWL_DETAIL_BIND(63, PAWL_DETAIL_60, g0, g1, g2)
PAWL_DETAIL_BIND(64, PAWL_DETAIL_60, g0, g1, g2, g3)
PAWL_DETAIL_BIND(65, PAWL_DETAIL_60, g0, g1, g2, g3, g4)
PAWL_DETAIL_BIND(66, PAWL_DETAIL_60, g0, g1, g2, g3, g4, g5)
PAWL_DETAIL_BIND(67, PAWL_DETAIL_60, g0, g1, g2, g3, g4, g5, g6)
PAWL_DETAIL_BIND(68, PAWL_DETAIL_60, g0, g1, g2, g3, g4, g5, g6, g7)
PAWL_DETAIL_BIND(69, PAWL_DETAIL_60, g0, g1, g2, g3, g4, g5, g6, g7, g8)
PAWL_DETAIL_BIND(70, PAWL_DETAIL_70)
PAWL_DETAIL_BIND(71, PAWL_DETAIL_70, h0)
PAWL_DETAIL_BIND(72, PAWL_DETAIL_70, h0, h1)
PAWL_DETAIL_BIND(73, PAWL_DETAIL_70, h0, h1, h2)
PAWL_DETAIL_BIND(74, PAWL_DETAIL_70, h0, h1, h2, h3)
PAWL_DETAIL_BIND(75, PAWL_DETAIL_70, h0, h1, h2, h3, h4)
PAWL_DETAIL_BIND(76, PAWL_DETAIL_70, h0, h1, h2, h3, h4, h5)
PAWL_DETAIL_BIND(77, PAWL_DETAIL_70, h0, h1, h2, h3, h4, h5, h6)
PAWL_DETAIL_BIND(78, PAWL_DETAIL_70, h0, h1, h2, h3, h4, h5, h6, h7)
PAWL_DETAIL_BIND(79, PAWL_DETAIL_70, h0, h1, h2, h3, h4, h5, h6, h7, h8)
PAWL_DETAIL_BIND(80, PAWL_DETAIL_80)
PAWL_DETAIL_BIND(81, PAWL_DETAIL_80, i0)
PAWL_DETAIL_BIND(82, PAWL_DETAIL_80, i0, i1)
PAWL_DETAIL_BIND(83, PAWL_DETAIL_80, i0, i1, i2)
PAWL_DETAIL_BIND(84, PAWL_DETAIL_80, i0, i1, i2, i3)
PAWL_DETAIL_BIND(85, PAWL_DETAIL_80, i0, i1, i2, i3, i4)
PAWL_DETAIL_BIND(86, PAWL_DETAIL_80, i0, i1, i2, i3, i4, i5)
PAWL_DETAIL_BIND(87, PAWL_DETAIL_80, i0, i1, i2, i3, i4, i5, i6)
PAWL_DETAIL_BIND(88, PAWL_DETAIL_80, i0, i1, i2, i3, i4, i5, i6, i7)
PAWL_DETAIL_BIND(89, PAWL_DETAIL_80, i0, i1, i2, i3, i4, i5, i6, i7, i8)
PAWL_DETAIL_BIND(90, PAWL_DETAIL_90)
PAWL_DETAIL_BIND(91, PAWL_DETAIL_90, j0)
PAWL_DETAIL_BIND(92, PAWL_DETAIL_90, j0, j1)
PAWL_DETAIL_BIND(93, PAWL_DETAIL_90, j0, j1, j2)
PAWL_DETAIL_BIND(94, PAWL_DETAIL_90, j0, j1, j2, j3)
PAWL_DETAIL_BIND(95, PAWL_DETAIL_90, j0, j1, j2, j3, j4)
PAWL_DETAIL_BIND(96, PAWL_DETAIL_90, j0, j1, j2, j3, j4, j5)
PAWL_DETAIL_BIND(97, PAWL_DETAIL_90, j0, j1, j2, j3, j4, j5, j6)
PAWL_DETAIL_BIND(98, PAWL_DETAIL_90, j0, j1, j2, j3, j4, j5, j6, j7)
PAWL_DETAIL_BIND(99, PAWL_DETAIL_90, j0, j1, j2, j3, j4, j5, j6, j7, j8)
PAWL_DETAIL_BIND(100, PAWL_DETAIL_100)

#undef PAWL_DETAIL_10
#undef PAWL_DETAIL_20
#undef PAWL_DETAIL_30
#undef PAWL_DETAIL_40
#undef PAWL_DETAIL_50
#undef PAWL_DETAIL_60
#undef PAWL_DETAIL_70
#undef PAWL_DETAIL_80
#undef PAWL_DETAIL_90
#undef PAWL_DETAIL_100
#undef PAWL_DETAIL_BIND
// clang-format on

}  // namespace pawl::detail
