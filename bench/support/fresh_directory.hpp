// A directory of one's own on the disk that is measured; it goes when the bench ends.
#pragma once

#include <filesystem>
#include <random>
#include <string>
#include <system_error>

namespace bench {

class fresh_directory {
public:
  explicit fresh_directory(const std::filesystem::path& parent)
      : path_(parent / ("bench-" + std::to_string(std::random_device{}()))) {
    std::filesystem::create_directory(path_);
  }
  ~fresh_directory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  fresh_directory(const fresh_directory&) = delete;
  fresh_directory& operator=(const fresh_directory&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
};

}  // namespace bench
