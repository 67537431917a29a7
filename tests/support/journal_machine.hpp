// A machine with a journal on it, whose power can be cut: what the tests of the
// journal tell their stories with.
//
// It appends records of known bytes, applies some, crashes at any operation of the
// file system, recovers, and compares what it finds with what had been
// acknowledged. The planted faults are what a wrong engine or disk would do.
#pragma once

#include "journal/journal.hpp"
#include "support/memory_files.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace pawl::test {

struct machine_faults {
  bool sync_lies = false;            // acknowledged before it is flushed
  bool sync_directory_lies = false;  // a new segment's name is not flushed
  bool releases_early = false;       // segments are given free by the first commit past them
};

class journal_machine {
public:
  journal_machine(std::uint64_t seed, durability mode, const machine_faults& faults = {});

  // One life of the process: opens, works, and ends by a crash, or by a clean end where `crash_at` is 0. Returns a sentence
  // where something promised does not hold.
  [[nodiscard]] std::optional<std::string> live(std::uint64_t crash_at, unsigned works);
  // The crash that came last: what does the next life find?
  void kill();
  void cut_power();
  // Of all machines: how often a disk was left by a crash, and looked at.
  [[nodiscard]] static std::uint64_t crash_states() noexcept { return crash_states_; }
  [[nodiscard]] std::mt19937_64& random() { return random_; }
  [[nodiscard]] memory_files& files() { return *files_; }
  [[nodiscard]] std::uint64_t operations() const { return files_->operations(); }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  [[nodiscard]] core::lsn applied() const { return applied_; }
  [[nodiscard]] const std::vector<std::byte>& stream() const { return stream_; }
  [[nodiscard]] const core::state_uuid& uuid() const { return uuid_; }
  core::journal_options options;

private:
  [[nodiscard]] std::optional<std::string> recover(std::unique_ptr<core::journal>& into);
  [[nodiscard]] std::optional<std::string> work(core::journal& log);
  [[nodiscard]] std::optional<std::string> apply(core::journal& log);
  void append(core::journal& log);
  void plant();

  static inline std::uint64_t crash_states_ = 0;
  std::mt19937_64 random_;
  machine_faults faults_;
  std::unique_ptr<memory_files> files_;
  std::filesystem::path directory_ = "/state/journal";
  core::state_uuid uuid_{};
  std::uint64_t epoch_ = 0;
  std::vector<std::byte> stream_;  // all that was ever appended and, as far as is known, is there
  core::lsn recorded_ = 0;         // acknowledged
  core::lsn durable_ = 0;          // of that, what must survive a power cut
  core::lsn applied_ = 0;          // by the commit that came last; both are durable
  core::lsn applied_before_ = 0;   // by the one before it
  core::log_batch batch_;
};

}  // namespace pawl::test
