#include "cli/output.hpp"

#include "cli/text.hpp"

#include <pawl/error.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>
#include <utility>

namespace pawl::cli {
namespace {

constexpr std::size_t buffer_size = 64 * 1024;

bool colours_wanted(int fd) {
  const char* const no_colour = std::getenv("NO_COLOR");
  const char* const terminal = std::getenv("TERM");
  const bool refused = no_colour != nullptr && *no_colour != '\0';
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  return !refused && !dumb && ::isatty(fd) == 1;
}

bool is_plain_or_missing(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return errno == ENOENT;
  return S_ISREG(status.st_mode);
}

}  // namespace

output::output() : fd_(STDOUT_FILENO), colours_(colours_wanted(STDOUT_FILENO)) {}

output::output(const std::filesystem::path& path) : fd_(-1), owned_(true), path_(path) {
  if (is_plain_or_missing(path)) {
    // Through a link to the file that it names, so that the link stays.
    std::error_code failed;
    target_ = std::filesystem::weakly_canonical(path, failed);
    if (failed) target_ = path;
    fresh_ = target_.string() + "." + std::to_string(::getpid()) + ".tmp";
    fd_ = ::open(fresh_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
  } else {
    fd_ = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  }
  if (fd_ < 0) {
    const int cause = errno;
    fresh_.clear();
    throw_failed(cause, "open");
  }
}

output::~output() {
  if (owned_ && fd_ >= 0) ::close(fd_);
  if (!fresh_.empty()) ::unlink(fresh_.c_str());
}

output& output::operator<<(std::string_view text) {
  buffer_ += text;
  if (buffer_.size() >= buffer_size) write_out();
  return *this;
}

void output::finish() {
  write_out();
  if (!owned_) return;
  if (!fresh_.empty() && ::fsync(fd_) != 0) throw_failed(errno, "flush");
  const int fd = std::exchange(fd_, -1);
  if (::close(fd) != 0) throw_failed(errno, "close");
  if (fresh_.empty()) return;
  if (::rename(fresh_.c_str(), target_.c_str()) != 0) throw_failed(errno, "rename");
  fresh_.clear();
}

void output::write_out() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t put = ::write(fd_, rest.data(), rest.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EPIPE) throw reader_gone{};
    if (put < 0) throw_failed(errno, "write");
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  buffer_.clear();
}

void output::throw_failed(int cause, const char* doing) const {
  const std::string name = path_.empty() ? "standard output" : path_.string();
  const bool full = cause == ENOSPC || cause == EDQUOT;
  throw error(full ? errc::disk_full : errc::io,
              std::string("output: cannot ") + doing + " " + name + ": " + std::generic_category().message(cause) +
                  (full ? "; make room and call again" : "; check the place that it goes to"));
}

void complain(std::string_view sentence) noexcept {
  try {
    const std::string line = "pawl: " + harmless(sentence) + "\n";
    static_cast<void>(!::write(STDERR_FILENO, line.data(), line.size()));
  } catch (...) {  // no memory for the line: the exit code says that something failed
  }
}

}  // namespace pawl::cli
