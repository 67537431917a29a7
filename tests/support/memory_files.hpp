// A file system in memory that knows what was synced: the seam to files
// (engine/file/file_system.hpp) for tests of crashes.
//
// A crash is an exception at a chosen operation; what the disk holds after it is
// another memory_files: after a kill all that was written, after a power cut what
// was synced and, of the rest, what chance leaves of it, sector by sector (512
// bytes) and name by name. The same could have happened to real files.
#pragma once

#include "file/file_system.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace pawl::test {

// Thrown at the operation at which the machine stops, and by every one after it.
struct simulated_crash {};

struct memory_file_data;

class memory_files final : public core::file_system {
public:
  enum class operation : std::uint8_t { create, write, sync, rename, sync_directory, remove };

  memory_files();
  ~memory_files() override;

  std::unique_ptr<core::file> create(const std::filesystem::path& path) override;
  std::unique_ptr<core::file> open(const std::filesystem::path& path) override;
  std::unique_ptr<core::file> open_to_write(const std::filesystem::path& path) override;
  void make_directory(const std::filesystem::path& path) override;
  void sync_directory(const std::filesystem::path& path) override;
  void rename(const std::filesystem::path& from, const std::filesystem::path& to) override;
  void remove(const std::filesystem::path& path) override;
  std::vector<std::string> list(const std::filesystem::path& path) override;

  // The machine stops at this operation, counted from 1 from now on; 0: never.
  void crash_at(std::uint64_t operation_number);
  [[nodiscard]] std::uint64_t operations() const;
  // Called before each operation with its path, by the thread that is about to do
  // it and outside all locks; may throw to make it fail. Set it before they work.
  std::function<void(operation, const std::filesystem::path&)> before;
  // Planted faults: flushes that do nothing.
  bool sync_lies = false;
  bool sync_directory_lies = false;
  bool can_map = true;

  // What is there when the process died and the machine went on.
  [[nodiscard]] std::unique_ptr<memory_files> after_kill() const;
  // What is there when the power failed.
  [[nodiscard]] std::unique_ptr<memory_files> after_power_cut(std::mt19937_64& random) const;
  // The bytes of a file, to look at or to damage.
  [[nodiscard]] std::vector<std::byte>& bytes_of(const std::filesystem::path& path);
  [[nodiscard]] std::vector<std::filesystem::path> all_files() const;

private:
  friend class memory_file;
  using names = std::map<std::filesystem::path, std::shared_ptr<memory_file_data>>;
  void announce(operation what, const std::filesystem::path& path);
  std::unique_ptr<core::file> open_existing(const std::filesystem::path& path);

  mutable std::mutex mutex_;
  names now_;
  names synced_;
  std::uint64_t operations_ = 0;
  std::uint64_t crash_at_ = 0;
};

}  // namespace pawl::test
