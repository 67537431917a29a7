// Whether this process is still the one that opened a state.
//
// After fork the child has the parent's memory and none of its locks: an LMDB
// environment in it is dead, and using it would harm the parent (rule 14).
// Asking costs a load, not a system call.
#pragma once

#include <cstdint>

namespace pawl::core {

// A number that changes in the child of every fork.
[[nodiscard]] std::uint64_t process_generation() noexcept;

}  // namespace pawl::core
