// Durations and points in time for people. Knows neither schema nor JSON.
#pragma once

#include <cstdint>
#include <string>

namespace pawl::core {

// "ms", "s", "min"...; "[1/3]s" where the unit has no name. The period is num/den seconds, reduced.
[[nodiscard]] std::string unit_name(std::uint64_t num, std::uint64_t den);

// "2024-05-01T12:30:00.250" (as many decimals as the period has), counted from the Unix epoch.
// Empty where the year is not between 0 and 9999, or where seconds are no decimal fraction of the period.
[[nodiscard]] std::string iso_time(std::int64_t count, std::uint64_t num, std::uint64_t den);

}  // namespace pawl::core
