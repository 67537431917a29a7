// The control page of a journal: how far its log was certainly on the disk, as a
// witness for the next opening. A few stores into mapped memory; no flush waits
// for it.
#pragma once

#include "file/boot.hpp"
#include "file/file_system.hpp"
#include "journal/format.hpp"

#include <filesystem>
#include <memory>

namespace pawl::core {

struct log_witness {
  lsn durable = 0;
  lsn written = 0;
  bool same_boot = false;  // the machine has not been restarted since
};

[[nodiscard]] bool has_control(file_system& files, const std::filesystem::path& directory);

// What the control page of the last owner says; nothing (zeros) where there is none that is this state's.
[[nodiscard]] log_witness read_control(file_system& files, const std::filesystem::path& directory,
                                       const journal_salt& salt);

class control_file {
public:
  // Takes the page over, and makes it where there is none. Afterwards it says `now`.
  control_file(file_system& files, const std::filesystem::path& directory, const journal_salt& salt, lsn now);
  // Any thread, one at a time each. Both only ever grow.
  void set_durable(lsn value) noexcept;
  void set_written(lsn value) noexcept;

private:
  std::unique_ptr<file> bytes_;
  control_page* page_ = nullptr;  // mapped; null where files cannot be mapped, and then there is no witness
};

}  // namespace pawl::core
