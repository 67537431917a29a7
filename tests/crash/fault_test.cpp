// System calls that fail, one after the other, and SIGKILL at each of them: on a program that nobody prepared for it, by
// strace. Whatever happens, the process ends in order or by that signal, says why, and the next one ends what is left,
// with nothing acknowledged lost or done again.
//
// The short form tries the first few calls of each kind; PAWL_TEST_FAULTS=all tries every one.
#include "support/catch.hpp"
#include "support/evidence.hpp"
#include "support/run_tool.hpp"

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

using namespace pawl::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(PAWL_SANITIZE)
constexpr bool sanitized = true;  // whose run-time does not live without maps, nor look for leaks while it is traced
#else
constexpr bool sanitized = false;
#endif

// How a child under strace ended.
struct faulted {
  int code = 0;            // its exit code, -signal
  bool injected = false;   // the call that was to fail was reached
  std::string sentence;    // what it said on standard error
};

// `what`: as strace's -e inject takes it, such as "fdatasync:error=EIO:when=3".
faulted run_under_strace(const child_options& options, int run, const std::string& what) {
  std::filesystem::create_directories(options.dir / "out");
  const std::filesystem::path trace = options.dir / "trace";
  const std::filesystem::path errors = options.dir / "errors";
  const std::string call = what.substr(0, what.find(':'));
  std::ostringstream command;
  command << (sanitized ? "export ASAN_OPTIONS=detect_leaks=0; " : "") << "exec timeout -s KILL 120 strace -f -qq -o " << trace.string() << " -e trace=" << call << " -e inject=" << what
          << " " PAWL_TEST_BUILD_DIR "/tests/crash/child " << (options.dir / "state").string() << " "
          << (options.dir / "out").string() << " " << (options.dir / "log").string() << " " << run << " " << options.items << " "
          << options.workers << " 0 " << options.mode << " 2>" << errors.string();
  const int status = std::system(command.str().c_str());
  faulted how;
  how.code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
  how.sentence = content_of_file(errors);
  const std::string traced = content_of_file(trace);
  // A signal is not marked as injected, but the end of the process by it is in the trace.
  how.injected = traced.find("(INJECTED)") != std::string::npos || traced.find("killed by SIGKILL") != std::string::npos;
  return how;
}

// Calls of this name that are made before main() runs: the loader's, which is not what is under test.
int calls_of_the_loader(const std::string& call) {
  const temp_dir dir;
  const std::string traced = dir / "trace";
  // Without arguments the child ends at once.
  static_cast<void>(std::system(("strace -f -qq -o " + traced + " -e trace=" + call + " " PAWL_TEST_BUILD_DIR "/tests/crash/child").c_str()));
  std::ifstream in(traced);
  int count = 0;
  for (std::string line; std::getline(in, line);) count += line.find(call + "(") != std::string::npos;
  return count;
}

bool can_trace() {
  const temp_dir dir;
  const std::string told = dir / "trace";
  return std::system(("strace -f -qq -o " + told + " -e trace=write -e inject=write:error=EIO:when=1 /bin/echo >/dev/null 2>&1").c_str()) != 0 &&
         content_of_file(told).find("(INJECTED)") != std::string::npos;
}

int calls_wanted() {
  const char* const asked = std::getenv("PAWL_TEST_FAULTS");
  return asked != nullptr && std::string(asked) == "all" ? 100'000 : sanitized ? 2 : 6;
}

// What the runs behind a fault find wrong.
std::vector<std::string> wrong_after(const child_options& options) {
  std::vector<std::string> found;
  if (run_child(options, 1, 0) != child_end::finished) found.emplace_back("the run behind the fault does not end well");
  if (run_child(options, 2, 0) != child_end::finished) found.emplace_back("a second run behind the fault does not end well");
  for (std::string& one : violations(options)) found.push_back(std::move(one));
  if (output_of(options.dir) != expected_output(options.items)) found.emplace_back("the output differs from an undisturbed run's");
  return found;
}

// The system calls that an undisturbed run makes.
std::set<std::string> calls_of_a_run(const std::string& mode) {
  const temp_dir dir;
  const child_options options{.dir = dir.path(), .items = 4, .workers = 1, .mode = mode};
  std::filesystem::create_directories(dir / "out");
  const std::string command = std::string(sanitized ? "export ASAN_OPTIONS=detect_leaks=0; " : "") + "strace -f -qq -o " + (dir / "trace").string() + " " PAWL_TEST_BUILD_DIR "/tests/crash/child " +
                              (dir / "state").string() + " " + (dir / "out").string() + " " + (dir / "log").string() +
                              " 0 4 1 0 " + mode + " 2>/dev/null";
  REQUIRE(std::system(command.c_str()) == 0);
  std::set<std::string> names;
  std::ifstream in(dir / "trace");
  for (std::string line; std::getline(in, line);) {
    const std::size_t begin = line.find_first_not_of("0123456789 ");
    const std::size_t end = line.find('(');
    if (begin == std::string::npos || end == std::string::npos || end <= begin) continue;
    const std::string name = line.substr(begin, end - begin);
    if (name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos) names.insert(name);
  }
  return names;
}

}  // namespace

TEST_CASE("calls of the system that fail end the run with a sentence, and the next run goes on") {
  if (!can_trace()) {
    WARN("strace may not trace here: nothing was tried");
    return;
  }
  int tried = 0;
  int refused = 0;
  for (const char* const mode : {"plain", "process"}) {
    for (const char* const fault :
         {"pwrite64:error=EIO", "pwrite64:error=ENOSPC", "pwritev:error=EIO", "pwritev:error=ENOSPC", "writev:error=EIO",
          "writev:error=ENOSPC", "fdatasync:error=EIO", "fsync:error=EIO", "fallocate:error=ENOSPC", "ftruncate:error=EIO",
          "rename:error=EIO", "rename:error=ENOSPC", "mkdir:error=ENOSPC", "mmap:error=ENOMEM", "mmap:error=EIO",
          "fcntl:error=ENOLCK", "getdents64:error=EIO", "pread64:error=EIO"}) {
      const std::string name = std::string(fault).substr(0, std::string(fault).find(':'));
      if (sanitized && name == "mmap") continue;
      const int before = calls_of_the_loader(name);
      for (int at = before + 1; at <= before + calls_wanted(); ++at) {
        const std::string what = std::string(fault) + ":when=" + std::to_string(at);
        const temp_dir dir;
        const child_options options{.dir = dir.path(), .items = 6, .workers = 1, .mode = mode};
        const faulted how = run_under_strace(options, 0, what);
        if (!how.injected) break;
        ++tried;
        CAPTURE(mode, what, how.code, how.sentence);
        // 0: it was tolerated; 1: items failed; 3: run() or the opening threw.
        CHECK((how.code == 0 || how.code == 1 || how.code == 3));
        if (how.code == 3) {
          ++refused;
          CHECK((how.sentence.find("; ") != std::string::npos || how.sentence == "std::bad_alloc\n"));
        }
        for (const std::string& one : wrong_after(options)) FAIL_CHECK(one);
      }
    }
  }
  std::cout << tried << " system calls failed, " << refused << " runs ended with a sentence\n";
  CHECK(refused > (sanitized ? 10 : 30));
}

TEST_CASE("SIGKILL at the system calls of a small run, and the next run goes on") {
  if (!can_trace()) {
    WARN("strace may not trace here: nothing was tried");
    return;
  }
  int killed = 0;
  for (const char* const mode : {"plain", "process"}) {
    for (const std::string& call : calls_of_a_run(mode)) {
      if (call == "exit_group" || call == "exit" || call == "execve") continue;
      const bool of_storage = call.starts_with("p") || call.ends_with("sync") || call == "rename" || call == "writev" ||
                              call == "fallocate" || call == "ftruncate" || call == "mkdir" || call == "unlink";
      const int wanted = calls_wanted() > 100 ? calls_wanted() : !of_storage ? 1 : sanitized ? 2 : 4;
      for (int at = 1; at <= wanted; ++at) {
        const temp_dir dir;
        const child_options options{.dir = dir.path(), .items = 4, .workers = 1, .mode = mode};
        const std::string what = call + ":signal=KILL:when=" + std::to_string(at);
        const faulted how = run_under_strace(options, 0, what);
        if (!how.injected) break;
        ++killed;
        CAPTURE(mode, what, how.code, how.sentence);
        for (const std::string& one : wrong_after(options)) FAIL_CHECK(one);
      }
    }
  }
  std::cout << killed << " kills at system calls\n";
  CHECK(killed > (sanitized ? 30 : 60));
}

TEST_CASE("an engine that takes failed writes for done would be found out") {
  if (!can_trace()) {
    WARN("strace may not trace here: nothing was tried");
    return;
  }
  bool found = false;
  for (int at = 1; at <= 60 && !found; ++at) {
    const temp_dir dir;
    const child_options options{.dir = dir.path(), .items = 6, .workers = 1, .mode = "deaf"};
    const faulted how = run_under_strace(options, 0, "pwrite64:error=EIO:when=" + std::to_string(at));
    if (!how.injected) break;
    // The runs behind it are not deaf.
    const child_options well{.dir = dir.path(), .items = 6, .workers = 1, .mode = "plain"};
    found = how.code < 0 || !wrong_after(well).empty();
  }
  CHECK(found);
}
