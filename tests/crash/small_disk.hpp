// A file system of its own, in a file, by a loop mount. Needs root.
#pragma once

#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>

namespace pawl::test {

inline bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

// A file system in a file, mounted or not.
class small_disk {
public:
  small_disk(const std::string& type, int mebibytes) : type_(type) {
    std::filesystem::create_directory(where_ / "mounted");
    usable_ = shell("truncate -s " + std::to_string(mebibytes) + "M " + image()) &&
              shell("mkfs." + type + (type == "ext4" ? " -m 0" : "") + " -q " + image()) && mount();  // nothing is kept for root
  }
  ~small_disk() { unmount(); }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] std::filesystem::path path() const { return where_ / "mounted"; }
  bool mount() {
    // After XFS has replayed its log it may be mounted; "nouuid" is for images that were copied.
    mounted_ = shell("mount -o loop " + image() + " " + path().string());
    return mounted_;
  }
  bool unmount() {
    if (!mounted_) return true;
    for (int tries = 0; tries < 100; ++tries) {
      if (shell("umount " + path().string())) {
        mounted_ = false;
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // What was not flushed is lost, as when the power fails; every later call fails.
  void shut_down() {
    constexpr __u32 without_flushing_the_log = 2;                    // EXT4_GOING_FLAGS_NOLOGFLUSH, XFS_FSOP_GOING_FLAGS_NOLOGFLUSH
    constexpr unsigned long going_down = _IOR('X', 125, __u32);      // EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same
    const int fd = ::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    __u32 how = without_flushing_the_log;
    const int status = ::ioctl(fd, going_down, &how);
    ::close(fd);
    REQUIRE(status == 0);
  }

private:
  [[nodiscard]] std::string image() const { return where_ / "image"; }
  temp_dir where_;
  std::string type_;
  bool usable_ = false;
  bool mounted_ = false;
};

inline bool can_mount(const std::string& type) {
  const bool can = ::geteuid() == 0 && small_disk(type, type == "xfs" ? 320 : 64).usable();
  if (!can) WARN("no " + type + " can be mounted here: nothing was tried");
  return can;
}

// All but so many bytes of a disk are taken, while this lives.
class balloon {
public:
  balloon(const small_disk& disk, std::uint64_t left) : file_(disk.path() / "balloon") {
    const std::uint64_t available = std::filesystem::space(disk.path()).available;
    shell("fallocate -l " + std::to_string(available > left ? available - left : 4096) + " " + file_.string());
  }
  ~balloon() { shell("rm -f " + file_.string()); }
  balloon(const balloon&) = delete;
  balloon& operator=(const balloon&) = delete;

private:
  std::filesystem::path file_;
};

}  // namespace pawl::test
