// Heat on a square plate whose edges are kept cold, by explicit finite differences:
//
//   du/dt = a (d2u/dx2 + d2u/dy2) on (0, 1) x (0, 1),   u = 0 on the edges
//
// A product of sines keeps its shape and decays: sin(k pi x) sin(l pi y) becomes
// exp(-a pi^2 (k^2 + l^2) t) of itself. The equation is linear, so a sum of two such
// modes has a known solution too, which the computed one is compared with.
//
// Knows nothing of pawl.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace heat {

struct mode {
  std::uint32_t across = 1;  // half waves along x
  std::uint32_t down = 1;    // and along y
  double height = 1;
};

// All that the next step depends on: what a checkpoint has to hold.
struct plate {
  std::uint32_t size = 0;       // interior points along each side; they are 1 / (size + 1) apart
  double diffusivity = 1;       // a
  double step_s = 0;            // of time
  std::uint64_t steps = 0;      // taken
  mode first, second;           // what it began with
  std::vector<double> cells;    // size * size temperatures, row by row
};

// The plate of one parameter of a sweep, before the first step.
[[nodiscard]] plate begin(std::uint32_t size, std::uint32_t parameter);

// One step of time: u += r (up + down + left + right - 4 u), with r = a dt / h^2 = 0.2 (stable up to 0.25). In place:
// beside the plate it takes two rows.
void advance(plate& now);

// The greatest difference from the known solution, anywhere on the plate.
[[nodiscard]] double error_of(const plate& now);

// The same bits give the same number: FNV-1a, 64 bits, over all cells.
[[nodiscard]] std::uint64_t digest_of(const plate& now);

}  // namespace heat
