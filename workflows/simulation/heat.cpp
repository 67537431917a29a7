#include "heat.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

namespace heat {
namespace {

constexpr double ratio = 0.2;

// sin(waves pi x) at the interior points.
std::vector<double> sines(std::uint32_t size, std::uint32_t waves) {
  std::vector<double> all(size);
  for (std::uint32_t i = 0; i < size; ++i) all[i] = std::sin(waves * std::numbers::pi * (i + 1) / (size + 1));
  return all;
}

void add(std::vector<double>& to, std::uint32_t size, const mode& one, double height) {
  const std::vector<double> along = sines(size, one.across);
  const std::vector<double> down = sines(size, one.down);
  for (std::size_t y = 0; y < size; ++y)
    for (std::size_t x = 0; x < size; ++x) to[y * size + x] += height * along[x] * down[y];
}

double decay(const plate& now, const mode& one) {
  const double waves = static_cast<double>(one.across) * one.across + static_cast<double>(one.down) * one.down;
  const double time = now.step_s * static_cast<double>(now.steps);
  return one.height * std::exp(-now.diffusivity * std::numbers::pi * std::numbers::pi * waves * time);
}

}  // namespace

plate begin(std::uint32_t size, std::uint32_t parameter) {
  plate made;
  made.size = size;
  made.diffusivity = 0.5 + 0.125 * (parameter % 8);
  made.step_s = ratio / (made.diffusivity * (size + 1.0) * (size + 1.0));
  made.first = {1 + parameter % 3, 1 + parameter / 3 % 3, 1};
  made.second = {2 + parameter % 5, 3 + parameter / 2 % 4, 0.5};
  made.cells.resize(std::size_t{size} * size);
  add(made.cells, size, made.first, made.first.height);
  add(made.cells, size, made.second, made.second.height);
  return made;
}

void advance(plate& now) {
  const std::size_t size = now.size;
  std::vector<double> above(size, 0.0);  // the row above as it was before this step
  std::vector<double> here(size);
  for (std::size_t y = 0; y < size; ++y) {
    double* row = now.cells.data() + y * size;
    std::copy(row, row + size, here.begin());
    for (std::size_t x = 0; x < size; ++x) {
      const double left = x > 0 ? here[x - 1] : 0;
      const double right = x + 1 < size ? here[x + 1] : 0;
      const double below = y + 1 < size ? row[x + size] : 0;
      row[x] = here[x] + ratio * (above[x] + below + left + right - 4 * here[x]);
    }
    above.swap(here);
  }
  ++now.steps;
}

double error_of(const plate& now) {
  std::vector<double> known(now.cells.size());
  add(known, now.size, now.first, decay(now, now.first));
  add(known, now.size, now.second, decay(now, now.second));
  double greatest = 0;
  for (std::size_t i = 0; i < known.size(); ++i) greatest = std::max(greatest, std::abs(known[i] - now.cells[i]));
  return greatest;
}

std::uint64_t digest_of(const plate& now) {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const double cell : now.cells) {
    std::uint64_t bits;
    std::memcpy(&bits, &cell, sizeof bits);
    for (int byte = 0; byte < 8; ++byte) sum = (sum ^ (bits >> (8 * byte) & 0xff)) * 0x100000001b3;
  }
  return sum;
}

}  // namespace heat
