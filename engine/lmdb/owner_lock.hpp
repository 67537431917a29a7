// The lock of the process that has a state open for writing.
//
// An fcntl lock on the file `owner` in the state directory: the kernel drops it
// when the process dies, however it dies. The file says who holds it, for
// messages: "pid N\nnamespace INODE\n".
//
// Closing *any* descriptor of the file drops the process's lock, so within one
// process only the holder may touch it; registry.hpp sees to that.
#pragma once

#include "file/file_system.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace pawl::core {

struct state_owner {
  pid_t pid = 0;                    // in its own namespace
  std::uint64_t pid_namespace = 0;  // inode; 0: unknown
};

class owner_lock {
public:
  owner_lock() = default;
  // Takes the lock or throws pawl::error(state_in_use) that names the holder's pid.
  static owner_lock take(const std::filesystem::path& state);
  [[nodiscard]] bool held() const noexcept { return static_cast<bool>(fd_); }

private:
  descriptor fd_;
};

// Who has the state open for writing, if another process does. Never call it for a state that this
// process itself has open.
[[nodiscard]] std::optional<state_owner> other_owner(const std::filesystem::path& state);

// The inode of this process's PID namespace; 0 where the system does not tell.
[[nodiscard]] std::uint64_t own_pid_namespace() noexcept;

}  // namespace pawl::core
