// What an older version of a step returned, made into what today's returns.
#pragma once

#include <pawl/detail/erased.hpp>

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>

namespace pawl::core {

// The user's function threw. Concerns the item alone, and the next run may try again.
struct migration_failed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Decodes the older value out of `bytes` and constructs today's at `to`. Constructs nothing where it throws
// migration_failed, or pawl::error (codec_failed).
void migrate(const detail::migration& how, std::string_view step, std::span<const std::byte> bytes, void* to);

}  // namespace pawl::core
