// The program that fan_test kills: one parent whose children have two steps. It tells an append-only log what it does,
// one line for each thing, written with one write():
//
//   G RUN N        the source gives child N           N RUN          it gives no more
//   S RUN N STEP   a step of child N is entered       E RUN N STEP   ... is about to return
//   P RUN DONE     the parent goes on, with so many children done
//   D RUN          the journal is about to be flushed M RUN          it is flushed: a group is committed
//   W RUN          some file of the state is about to be written
//   R RUN          run() returned, with the parent done
//
//   fan_child STATE LOG RUN CHILDREN WORKERS KILL_AT MODE
//
// KILL_AT n: SIGKILL at the n-th line (0: never). MODE, words joined by commas: plain; narrow (a window that the children
// do not fit in); reproducible (the step says so); process (that durability); keys_change (the bug that must be found:
// children have other keys in each run, as if an engine did not know its finished children any more).

#include <pawl/pawl.hpp>

#include <fcntl.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/null_sink.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

int log_fd = -1;
std::string run_number;
std::atomic<long> lines{0};
long kill_at = 0;

void tell(const std::string& line) {
  if (log_fd < 0) return;
  const std::string text = line + "\n";
  if (::write(log_fd, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  if (++lines == kill_at) ::kill(::getpid(), SIGKILL);
}

bool is_of_journal(int fd) {
  char path[512];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size > 0 && std::string_view(path, static_cast<std::size_t>(size)).find("/journal/") != std::string_view::npos;
}

// Tells of a step's beginning and end.
class told {
public:
  told(int number, const char* step) : what_(run_number + " " + std::to_string(number) + " " + step) { tell("S " + what_); }
  ~told() { tell("E " + what_); }
  told(const told&) = delete;
  told& operator=(const told&) = delete;

private:
  const std::string what_;
};

}  // namespace

extern "C" int fdatasync(int fd) {
  const bool journal = is_of_journal(fd);
  tell((journal ? "D " : "W ") + run_number);
  const auto status = static_cast<int>(::syscall(SYS_fdatasync, fd));
  if (journal && status == 0) tell("M " + run_number);
  return status;
}

extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  tell("W " + run_number);
  return static_cast<ssize_t>(::syscall(SYS_pwrite64, fd, bytes, size, offset));
}
extern "C" ssize_t pwrite64(int fd, const void* bytes, size_t size, off_t offset) { return pwrite(fd, bytes, size, offset); }

int main(int argc, char** argv) {
  if (argc != 8) return 2;
  const std::string mode = argv[7];
  const auto has = [&](const char* word) { return mode.find(word) != std::string::npos; };
  run_number = argv[3];
  const int children = std::atoi(argv[4]);
  kill_at = std::atol(argv[6]);
  const int key_offset = has("keys_change") ? std::atoi(argv[3]) * 1'000'000 : 0;

  const auto row = pawl::workflow<"row">(pawl::step<"read">([](int n) {
                                           const told telling(n, "0");
                                           return n;
                                         }),
                                         pawl::step<"write">([](int n) { const told telling(n, "1"); }))
                       .key([key_offset](int n) { return n + key_offset; });
  const auto source = [&](int) {
    return pawl::generate([children, at = 0]() mutable -> std::optional<int> {
      if (at == children) {
        tell("N " + run_number);
        return std::nullopt;
      }
      tell("G " + run_number + " " + std::to_string(at));
      return at++;
    });
  };
  auto rows = pawl::each<"rows">(source, row);
  const auto import = pawl::workflow<"import">(
      has("reproducible") ? std::move(rows).reproducible() : std::move(rows),
      pawl::step<"report">([](const pawl::children& ended) { tell("P " + run_number + " " + std::to_string(ended.done)); }));

  pawl::engine_options options;
  options.workers = static_cast<std::size_t>(std::atoi(argv[5]));
  options.window_items = has("narrow") ? 8 : 256;
  options.journal_bytes = 16 << 20;
  if (has("process")) options.durability = pawl::durability::process;
  options.logger = std::make_shared<spdlog::logger>("quiet", std::make_shared<spdlog::sinks::null_sink_mt>());
  try {
    log_fd = ::open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    pawl::engine engine{argv[1], options};
    const pawl::report report = engine.run(import, std::vector<int>{1});
    if (report.done != 1) return 1;
    tell("R " + run_number);
    return 0;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "%s\n", failure.what());
    return 3;
  }
}
