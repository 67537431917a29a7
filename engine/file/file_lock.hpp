// A lock among processes, on a file that is there for nothing else. The kernel drops it when its holder dies, however it
// dies; a stopped holder keeps it.
//
// It is fcntl's, of the process: a child made by fork has none of it, and threads of one process do not exclude each other
// by it. Closing any descriptor of the file drops it, so within a process only one object may have the file open.
//
// Who waits asks again and again. To let the kernel wait would be wrong: it takes the process for the holder, and so two
// processes whose threads wait for two locks crosswise for a deadlock, though other threads hold them.
#pragma once

#include "file/file_system.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

namespace pawl::core {

class file_lock {
public:
  // Makes the file where it is not there. Throws pawl::error: io, not_a_state.
  explicit file_lock(const std::filesystem::path& path);

  class held {
  public:
    held(held&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    held& operator=(held&&) = delete;  // the old one's end would be the new one's, too: they are one lock
    ~held();

  private:
    friend class file_lock;
    explicit held(int fd) noexcept : fd_(fd) {}
    int fd_ = -1;
  };
  // Waits until no other process has it, or `enough` says so; then it is nothing. Whoever has just given it back does
  // not get it again before one that waited. One thread at a time. Throws pawl::error(io).
  [[nodiscard]] std::optional<held> take(const std::function<bool()>& enough) const;

private:
  [[nodiscard]] bool try_lock(int byte) const;
  void unlock(int byte) const noexcept;
  [[nodiscard]] bool wait_for(int byte, const std::function<bool()>& enough) const;

  std::filesystem::path path_;
  descriptor fd_;
};

}  // namespace pawl::core
