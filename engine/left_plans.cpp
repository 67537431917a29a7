#include "left_plans.hpp"

#include "file/file_system.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <sstream>

namespace pawl::core {
namespace {

constexpr std::size_t plans_size_max = std::size_t{16} << 20;

[[noreturn]] void throw_no_plan(const std::filesystem::path& path, const std::string& why) {
  throw error(errc::damaged,
              "plan: " + path.string() + " " + why + "; remove it and let engine::plan write it again");
}

std::string read_to_end(const descriptor& from, const std::filesystem::path& path) {
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + 64 * 1024);
    const ssize_t got = ::read(from.get(), text.data() + before, text.size() - before);
    if (got < 0 && errno == EINTR) {
      text.resize(before);
      continue;
    }
    if (got < 0) throw_file_error(errno, "read", path);
    text.resize(before + static_cast<std::size_t>(got));
    if (got == 0) return text;
    if (text.size() > plans_size_max) throw_no_plan(path, "is longer than any plan");
  }
}

}  // namespace

std::vector<std::string> read_left_plans(const std::filesystem::path& state) {
  const std::filesystem::path path = state / plan_file;
  // O_NONBLOCK: what is no plain file must not hold us up before we see that.
  const descriptor in(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!in && errno == ENOENT) return {};
  if (!in && errno == ELOOP) throw_no_plan(path, "is a symbolic link");
  if (!in) throw_file_error(errno, "open", path);
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) throw_file_error(errno, "look at", path);
  if (!S_ISREG(status.st_mode)) throw_no_plan(path, "is not a plain file");

  std::istringstream text(read_to_end(in, path));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);)
    if (!line.empty()) lines.push_back(line);
  return lines;
}

}  // namespace pawl::core
