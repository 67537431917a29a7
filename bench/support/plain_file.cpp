#include "support/plain_file.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace bench {

plain_file::plain_file(const std::filesystem::path& path, std::uint64_t size) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail("make");
  try {
    const std::vector<std::byte> zeros(std::min<std::uint64_t>(size, std::uint64_t{1} << 20));
    for (std::uint64_t at = 0; at < size; at += zeros.size())
      write_at(at, std::span(zeros).first(std::min<std::uint64_t>(zeros.size(), size - at)));
    if (::fsync(descriptor_) != 0) fail("sync");
    void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, descriptor_, 0);
    if (mapped == MAP_FAILED) fail("map");
    mapped_ = {static_cast<const std::byte*>(mapped), size};
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

plain_file::~plain_file() {
  ::munmap(const_cast<std::byte*>(mapped_.data()), mapped_.size());
  ::close(descriptor_);
}

void plain_file::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail("write to");
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void plain_file::sync() {
  if (::fdatasync(descriptor_) != 0) fail("sync");
}

void plain_file::fail(const char* doing) const {
  throw std::system_error(errno, std::generic_category(), std::string("cannot ") + doing + ' ' + path_.string());
}

}  // namespace bench
