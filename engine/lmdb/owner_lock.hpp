// Who has a state open for writing: locks on its file `owner` that the kernel drops when the process dies, however it
// dies.
//
//   alone    a lock on the whole file
//   shared   a lock for reading on its first byte, and one for writing on the byte of the process's own *seat*: byte
//            1 + N for the process that raised the epoch to N. So whether that process lives is a question to the kernel,
//            and no pid and no time-out answers it: a stopped process lives.
//
// These are fcntl's locks of a process: a child made by fork or system() has none of them. Closing *any* descriptor of
// the file drops them all, so within one process only the holder may touch it; registry.hpp sees to that.
//
// What the file says is for messages: "pid N\nnamespace INODE\n", of who took a lock last.
#pragma once

#include "file/file_system.hpp"

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace pawl::core {

struct state_owner {
  pid_t pid = 0;                    // in its own namespace
  std::uint64_t pid_namespace = 0;  // inode; 0: unknown
  bool shares = false;              // it is one of several
};

class owner_lock {
public:
  owner_lock() = default;
  // Takes it alone, or throws pawl::error(state_in_use) that names the pid of somebody who has it.
  static owner_lock take(const std::filesystem::path& state);
  // Takes it beside others who share it; throws the same where somebody has it alone.
  static owner_lock join(const std::filesystem::path& state);
  [[nodiscard]] bool held() const noexcept { return static_cast<bool>(fd_); }

  // Of who shares. A number is nobody's seat twice. False where somebody has it: a process that died before its opening was
  // recorded may not have come to its end yet.
  [[nodiscard]] bool take_seat(std::uint64_t number);
  void leave_seat(std::uint64_t number) noexcept;
  // The pid of the process that has this seat, 0 where it cannot be told from here; nothing where it is free. Never for
  // one's own.
  [[nodiscard]] std::optional<pid_t> who_sits(std::uint64_t number) const;

private:
  std::filesystem::path path_;
  descriptor fd_;
};

// Who has the state open for writing, if another process does. Never call it for a state that this
// process itself has open.
[[nodiscard]] std::optional<state_owner> other_owner(const std::filesystem::path& state);
// All of them, by pid, each once. The same holds.
[[nodiscard]] std::vector<pid_t> other_owners(const std::filesystem::path& state);

// The inode of this process's PID namespace; 0 where the system does not tell.
[[nodiscard]] std::uint64_t own_pid_namespace() noexcept;

}  // namespace pawl::core
