#include "schema/time_text.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace pawl::core {
namespace {

struct named_unit {
  std::uint64_t num, den;
  const char* name;
};
constexpr std::array<named_unit, 8> units = {{{1, 1'000'000'000, "ns"},
                                              {1, 1'000'000, "us"},
                                              {1, 1'000, "ms"},
                                              {1, 1, "s"},
                                              {60, 1, "min"},
                                              {3'600, 1, "h"},
                                              {86'400, 1, "d"},
                                              {604'800, 1, "w"}}};

// How many decimals 1/den has, or -1 where den is no power of ten.
int decimals_of(std::uint64_t den) {
  int decimals = 0;
  for (; den % 10 == 0; den /= 10) ++decimals;
  return den == 1 ? decimals : -1;
}

}  // namespace

std::string unit_name(std::uint64_t num, std::uint64_t den) {
  for (const named_unit& unit : units)
    if (unit.num == num && unit.den == den) return unit.name;
  return "[" + std::to_string(num) + "/" + std::to_string(den) + "]s";
}

std::string iso_time(std::int64_t count, std::uint64_t num, std::uint64_t den) {
  constexpr std::int64_t year_0 = -62'167'219'200, year_10000 = 253'402'300'800;  // seconds of the epoch
  const int decimals = decimals_of(den);
  if (decimals < 0 || (num != 1 && den != 1)) return {};
  const auto unit = static_cast<std::int64_t>(den);
  std::int64_t seconds = count / unit, part = count % unit;
  if (part < 0) {
    --seconds;
    part += unit;
  }
  if (__builtin_mul_overflow(seconds, static_cast<std::int64_t>(num), &seconds)) return {};
  if (seconds < year_0 || seconds >= year_10000) return {};

  const std::chrono::sys_seconds when{std::chrono::seconds(seconds)};
  const auto day = std::chrono::floor<std::chrono::days>(when);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(when - day);
  std::array<char, 64> text;
  const int size = std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d",
                                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                                 static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                                 static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()));
  std::string made(text.data(), static_cast<std::size_t>(size));
  if (decimals > 0) {
    const std::string fraction = std::to_string(part);
    made += "." + std::string(static_cast<std::size_t>(decimals) - fraction.size(), '0') + fraction;
  }
  return made;
}

}  // namespace pawl::core
