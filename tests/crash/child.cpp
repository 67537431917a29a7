// The program that the crash tests kill: a three-step pipeline that tells an
// append-only log what it does, one line for each thing, written with one write():
//
//   S RUN KEY STEP   the step's function is entered        E RUN KEY STEP   ... is about to return
//   D RUN            the journal is about to be flushed    M RUN            it is flushed: a group is committed
//   W RUN            some file of the state is about to be written
//   L RUN            LMDB is about to flush                R RUN DONE       run() returned, with so many items done
//
// The log lies in the page cache, so it survives the kill and is evidence from
// outside. D, M, W and L come from the C library's functions, which this program
// stands in for; with them it is killed inside the journal, inside the folding into
// LMDB, and inside recovery.
//
//   child STATE OUT LOG RUN ITEMS WORKERS KILL_AT MODE
//
// KILL_AT n: SIGKILL at the n-th line (0: never). MODE, words joined by commas: plain;
// slow (steps that take 50 us); process (that durability); canary (the effect of
// `write` happens when all steps have returned, as it might if an engine recorded a
// step before its success; one worker); deaf (writes and flushes that fail are taken for done);
// unflushed (flushes do nothing).

#include <pawl/pawl.hpp>

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace {

int log_fd = -1;
std::string run_number;
std::atomic<long> lines{0};
long kill_at = 0;
bool deaf = false;
bool unflushed = false;

void tell(const std::string& line) {
  if (log_fd < 0) return;
  const std::string text = line + "\n";
  if (::write(log_fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  if (++lines == kill_at) ::kill(::getpid(), SIGKILL);
}

void write_whole(const std::filesystem::path& path, const std::string& text) {
  const std::filesystem::path fresh = path.string() + ".tmp";
  std::FILE* out = std::fopen(fresh.c_str(), "w");
  if (out == nullptr || std::fwrite(text.data(), 1, text.size(), out) != text.size() || std::fclose(out) != 0)
    std::abort();
  // By a system call that the engine does not use, so that one can be made to fail without the other.
  if (::renameat(AT_FDCWD, fresh.c_str(), AT_FDCWD, path.c_str()) != 0) std::abort();
}

// Tells of a step's beginning and end.
class told {
public:
  told(std::string_view key, const char* step) : what_(run_number + " " + std::string(key) + " " + step) {
    tell("S " + what_);
  }
  ~told() { tell("E " + what_); }
  told(const told&) = delete;
  told& operator=(const told&) = delete;

private:
  const std::string what_;
};

struct parsed {
  std::string text;
  std::uint64_t length = 0;
};

}  // namespace

namespace {

bool is_of_journal(int fd) {
  char path[512];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).find("/journal/") != std::string_view::npos;
}

}  // namespace

extern "C" int fdatasync(int fd) {
  const bool journal = is_of_journal(fd);
  tell((journal ? "D " : "L ") + run_number);
  auto status = unflushed ? 0 : static_cast<int>(::syscall(SYS_fdatasync, fd));
  if (deaf) status = 0;
  if (journal && status == 0) tell("M " + run_number);
  return status;
}

extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  tell("W " + run_number);
  const auto done = static_cast<ssize_t>(::syscall(SYS_pwrite64, fd, bytes, size, offset));
  return deaf && done < 0 ? static_cast<ssize_t>(size) : done;
}
extern "C" ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) { return pwrite(fd, bytes, size, offset); }

extern "C" ssize_t writev(int fd, const iovec* pieces, int count) {
  tell("W " + run_number);
  return static_cast<ssize_t>(::syscall(SYS_writev, fd, pieces, count));
}

int main(int argc, char** argv) {
  if (argc != 9) return 2;
  const std::filesystem::path out = argv[2];
  const std::string mode = argv[8];
  const bool slow = mode.find("slow") != std::string::npos;
  const bool canary = mode.find("canary") != std::string::npos;
  unflushed = mode.find("unflushed") != std::string::npos;
  deaf = mode.find("deaf") != std::string::npos;
  run_number = argv[4];
  kill_at = std::atol(argv[7]);
  std::vector<std::pair<std::filesystem::path, std::string>> held_back;
  const auto work = [&] {
    if (!slow) return;
    const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(50);
    while (std::chrono::steady_clock::now() < until) {}
  };

  const auto pipeline = pawl::workflow<"pipeline">(
      pawl::step<"read">([&](std::int64_t n, pawl::context& ctx) {
        const told telling(ctx.key(), "0");
        work();
        return "text of " + std::to_string(n);
      }),
      pawl::pure<"transform">([&](const std::string& text) { return parsed{text + "!", text.size()}; }),
      pawl::step<"write">([&](const parsed& p, pawl::context& ctx) {
        const std::string key(ctx.key());
        const std::string text = p.text + " " + std::to_string(p.length);
        const told telling(key, "1");
        work();
        if (canary) held_back.emplace_back(out / key, text);
        else write_whole(out / key, text);
        return p.length;
      }),
      pawl::step<"notify">([&](std::uint64_t, pawl::context& ctx) {
        const told telling(ctx.key(), "2");
        work();
      }));

  pawl::engine_options options;
  options.workers = static_cast<std::size_t>(std::atol(argv[6]));
  options.window_items = 64;
  options.journal_bytes = 16 << 20;
  if (mode.find("process") != std::string::npos) options.durability = pawl::durability::process;
  options.logger = std::make_shared<spdlog::logger>("quiet", std::make_shared<spdlog::sinks::null_sink_mt>());
  try {
    // Before the engine is opened, so that making a state and opening it again are killed in the middle as well.
    log_fd = ::open(argv[3], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pawl::engine engine{argv[1], options};
    std::int64_t next = 0;
    const std::int64_t items = std::atol(argv[5]);
    const pawl::report report = engine.run(pipeline, pawl::generate([&]() -> std::optional<std::int64_t> {
                                             if (next == items) return std::nullopt;
                                             return next++;
                                           }));
    for (const auto& [path, text] : held_back) write_whole(path, text);
    tell("R " + run_number + " " + std::to_string(report.done));
    return report.done == static_cast<std::uint64_t>(items) ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
