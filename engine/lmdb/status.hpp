// What LMDB's return codes mean: the one place that translates them.
#pragma once

#include <pawl/error.hpp>

#include <filesystem>
#include <string_view>

namespace pawl::core {

// MDB_* codes and the errno values that LMDB passes on.
[[nodiscard]] errc code_of_lmdb(int status) noexcept;

// "lmdb: cannot DOING in STATE: CAUSE; ADVICE". Precondition: status != 0.
[[noreturn]] void throw_lmdb(int status, std::string_view doing, const std::filesystem::path& state);

inline void check_lmdb(int status, std::string_view doing, const std::filesystem::path& state) {
  if (status != 0) [[unlikely]]
    throw_lmdb(status, doing, state);
}

}  // namespace pawl::core
