// A file as the floors use it: written over in place and synced. Every failure is
// a std::system_error that names the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace bench {

class plain_file {
public:
  // Makes it; it must not be there. `size` bytes of zeros are written to it and synced, so that later writes within
  // them change neither its length nor where it lies.
  plain_file(const std::filesystem::path& path, std::uint64_t size);
  ~plain_file();
  plain_file(const plain_file&) = delete;
  plain_file& operator=(const plain_file&) = delete;

  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Returns when what was written is on the disk (fdatasync).
  void sync();
  // Its bytes as they are now and become, for reading.
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return mapped_; }

private:
  [[noreturn]] void fail(const char* doing) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::span<const std::byte> mapped_;
};

}  // namespace bench
