// Poison items (durability rule 26): whoever takes the process down is found and left out, and nobody else is.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "flight/crash_counts.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace pawl::test;

namespace {

const std::string program = PAWL_TEST_BUILD_DIR "/tests/crash/poison_child";

pid_t start(const std::filesystem::path& state, const std::vector<std::string>& words) {
  std::vector<std::string> all{program, state};
  all.insert(all.end(), words.begin(), words.end());
  std::vector<char*> argv;
  for (std::string& one : all) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::alarm(120);  // a hang is a failure
    const int quiet = ::open("/dev/null", O_WRONLY);
    if (::dup2(quiet, STDOUT_FILENO) < 0 || ::dup2(quiet, STDERR_FILENO) < 0) ::_exit(126);
    // Sanitizers would end the program by an exit code of theirs. (And calling exit() in a handler is no good habit.)
    for (const char* const variable : {"ASAN_OPTIONS", "TSAN_OPTIONS"}) {
      const char* const given = std::getenv(variable);
      std::string options = std::string(given != nullptr ? given : "") +
                                  ":handle_segv=0:handle_sigbus=0:handle_sigfpe=0:handle_sigill=0:handle_abort=0";
      if (std::string_view(variable) == "TSAN_OPTIONS") options += ":report_signal_unsafe=0";
      ::setenv(variable, options.c_str(), 1);
    }
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return child;
}

// The exit code, or -signal.
int end_of(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

// As whoever supervises a service does: starts it again until it ends well. How often it died; -1: too often.
int supervised(const std::filesystem::path& state, const std::vector<std::string>& words, int deaths_at_most) {
  for (int deaths = 0; deaths <= deaths_at_most; ++deaths)
    if (end_of(start(state, words)) == 0) return deaths;
  return -1;
}

struct ends {
  std::uint64_t done = 0;
  std::set<std::uint64_t> failed;  // keys
  std::vector<std::string> reasons;
  bool all_sticky = true;
};

ends ends_of(const std::filesystem::path& state) {
  const pawl::state_view view(state);
  ends found;
  found.done = view.workflows().at(0).count(pawl::item_state::done);
  for (const auto& one : view.items({.workflow = "poison", .state = pawl::item_state::failed, .limit = 1000}).items) {
    found.failed.insert(one.key.number());
    found.reasons.push_back(one.error);
    found.all_sticky = found.all_sticky && one.sticky;
  }
  return found;
}

std::set<std::uint64_t> poison_up_to(std::uint64_t items) {
  std::set<std::uint64_t> found;
  for (std::uint64_t number = 7; number < items; number += 1000) found.insert(number);
  return found;
}

// Several at once, each started again when it dies, until all have ended well.
int all_supervised(const std::filesystem::path& state, const std::vector<std::string>& words, int processes,
                   int deaths_at_most) {
  std::set<pid_t> there;
  for (int i = 0; i < processes; ++i) there.insert(start(state, words));
  int deaths = 0;
  while (!there.empty()) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, 0);
    if (there.erase(ended) == 0 || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) continue;
    if (++deaths > deaths_at_most) break;
    there.insert(start(state, words));
  }
  for (const pid_t one : there) {
    ::kill(one, SIGKILL);
    static_cast<void>(end_of(one));
  }
  return there.empty() ? deaths : -1;
}

// What is left in flight/counts.
std::size_t entries_left(const std::filesystem::path& state) {
  const auto path = state / "flight" / "counts";
  if (!std::filesystem::exists(path)) return 0;
  return (std::filesystem::file_size(path) - 32) / sizeof(pawl::core::crash_entry);
}

}  // namespace

TEST_CASE("of 10,000 items the ten that take the process down are failed with the reason, all others are done") {
  for (const std::string workers : {"1", "4"}) {
    CAPTURE(workers);
    const temp_dir dir;
    const std::vector<std::string> words{"10000", workers, "mixed"};
    const int deaths = supervised(dir / "state", words, 30);  // three times each
    REQUIRE(deaths >= 0);
    CHECK(deaths >= 10);
    const ends found = ends_of(dir / "state");
    CHECK(found.done == 9'990);
    CHECK(found.failed == poison_up_to(10'000));
    CHECK(found.all_sticky);
    for (const std::string& one : found.reasons) CHECK(one.find("crashed the process in step 'parse' 3 times") == 0);
    CHECK(entries_left(dir / "state") == 0);
    CHECK(end_of(start(dir / "state", words)) == 0);  // and nothing dies any more
  }
}

TEST_CASE("each way to die is told by its name") {
  const std::vector<std::pair<std::string, std::string>> ways{
      {"segv", "SIGSEGV at address 0x8"}, {"abort", "SIGABRT"},   {"terminate", "SIGABRT"},
      {"overflow", "SIGSEGV at address"}, {"fpe", "SIGFPE"},      {"ill", "SIGILL"},
      {"trap", "SIGTRAP"},                {"exit", "a call of exit()"}};
  for (const auto& [way, name] : ways) {
    CAPTURE(way);
    const temp_dir dir;
    CHECK(supervised(dir / "state", {"20", "2", way}, 3) == 3);
    const ends found = ends_of(dir / "state");
    CHECK(found.failed == std::set<std::uint64_t>{7});
    CHECK(found.done == 19);
    REQUIRE(found.reasons.size() == 1);
    CHECK(found.reasons[0].find(name) != std::string::npos);
  }
}

TEST_CASE("without handlers the same test fails: nobody is found") {
  const temp_dir dir;
  CHECK(supervised(dir / "state", {"20", "1", "segv", "deaf"}, 10) == -1);
  CHECK(ends_of(dir / "state").failed.empty());
}

TEST_CASE("killed from outside fifty times while everything is executing: nobody is blamed") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const temp_dir dir;
  const std::vector<std::string> words{"4000", "4", "none", "slow"};
  int kills = 0;
  for (std::size_t i = 0; i < 50; ++i) {
    const pid_t child = start(dir / "state", words);
    std::this_thread::sleep_for(std::chrono::microseconds(20'000 + random() % 30'000));
    const int with = std::array{SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGKILL}[i % 5];
    ::kill(child, with);
    const int end = end_of(child);
    CAPTURE(i, with, end);
    REQUIRE((end == 0 || end == -with));
    if (end != 0) ++kills;
  }
  CHECK(kills > 30);
  CHECK(entries_left(dir / "state") == 0);
  REQUIRE(end_of(start(dir / "state", words)) == 0);
  const ends found = ends_of(dir / "state");
  CHECK(found.done == 4000);
  CHECK(found.failed.empty());
}

TEST_CASE("asked to end, whose handler of SIGTERM calls exit() on a worker's thread: nobody is blamed") {
  const temp_dir dir;
  const std::vector<std::string> words{"1000", "1", "none", "slow", "leaves"};
  int ends = 0;
  for (int i = 0; i < 6; ++i) {
    const pid_t child = start(dir / "state", words);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ::kill(child, SIGTERM);
    if (end_of(child) == 4) ++ends;
  }
  CHECK(ends >= 4);
  CHECK(entries_left(dir / "state") == 0);
  REQUIRE(end_of(start(dir / "state", words)) == 0);
  CHECK(ends_of(dir / "state").done == 1000);
}

TEST_CASE("a crash on a thread that is no worker's makes suspects, who are then called alone") {
  const temp_dir dir;
  // The first death suspects up to four; then three count.
  const int deaths = supervised(dir / "state", {"2000", "4", "thread", "slow"}, 12);
  REQUIRE(deaths >= 0);
  CHECK(deaths == 8);
  const ends found = ends_of(dir / "state");
  CHECK(found.failed == poison_up_to(2000));
  CHECK(found.done == 1998);
  CHECK(entries_left(dir / "state") == 0);
}

TEST_CASE("in a batch the entries are called one by one, until the one shows") {
  const temp_dir dir;
  const int deaths = supervised(dir / "state", {"3000", "2", "segv", "batch"}, 12);  // one in the batch, three alone
  REQUIRE(deaths >= 0);
  CHECK(deaths >= 10);
  const ends found = ends_of(dir / "state");
  CHECK(found.failed == poison_up_to(3000));
  CHECK(found.done == 2997);
}

TEST_CASE("a checkpoint of a loop begins the count anew; without one between the deaths it is failed") {
  const temp_dir dir;
  CHECK(supervised(dir / "state", {"1", "1", "segv", "loop"}, 40) > 10);
  CHECK(ends_of(dir / "state").done == 1);
  CHECK(supervised(dir / "rare", {"1", "1", "segv", "loop", "rare"}, 40) == 3);
  CHECK(ends_of(dir / "rare").failed == std::set<std::uint64_t>{0});
}

TEST_CASE("max_crashes says how often; 0 says never") {
  const temp_dir dir;
  CHECK(supervised(dir / "once", {"20", "1", "segv", "one"}, 10) == 1);
  CHECK(supervised(dir / "never", {"20", "1", "segv", "never"}, 10) == -1);
  CHECK(ends_of(dir / "never").failed.empty());
}

TEST_CASE("what was failed for its crashes is opened by a retry, and counts from the beginning") {
  const temp_dir dir;
  const std::vector<std::string> words{"20", "1", "segv"};
  CHECK(supervised(dir / "state", words, 3) == 3);
  CHECK(end_of(start(dir / "state", words)) == 0);  // sticky
  CHECK(run_tool({"retry", dir / "state", "poison", "--sticky"}).code == 0);
  CHECK(supervised(dir / "state", words, 10) == 3);
  CHECK(run_tool({"retry", dir / "state", "poison", "--key", "7"}).code == 0);
  CHECK(end_of(start(dir / "state", {"20", "1", "none"})) == 0);  // mended
  CHECK(ends_of(dir / "state").done == 20);
}

TEST_CASE("several processes share a state: an item that takes down one after the other is failed after three of them") {
  struct {
    std::string way, words;
    int deaths;  // for each of two poison items
  } const cases[]{{"segv", "", 3}, {"mixed", "", 3}, {"thread", "slow", 4}, {"segv", "batch", 4}};
  for (const auto& [way, more, each] : cases) {
    CAPTURE(way, more);
    const temp_dir dir;
    std::vector<std::string> words{"2000", "3", way, "shared"};
    if (!more.empty()) words.push_back(more);
    const int deaths = all_supervised(dir / "state", words, 3, 20);
    CHECK(deaths == 2 * each);
    const ends found = ends_of(dir / "state");
    CHECK(found.done == 1998);
    CHECK(found.failed == poison_up_to(2000));
    CHECK(found.all_sticky);
    for (const std::string& one : found.reasons) CHECK(one.find("crashed the process in step 'parse' 3 times") == 0);
    CHECK(run_tool({"verify", dir / "state"}).code == 0);
    CHECK(end_of(start(dir / "state", words)) == 0);  // and nothing dies any more
    CHECK(end_of(start(dir / "state", {"2000", "3", way})) == 0);  // alone neither
    // That calls of the step for several are suspect is known until as many of its entries were called one by one, alone.
    CHECK(entries_left(dir / "state") == (more == "batch" ? 1 : 0));
  }
}

TEST_CASE("a process that was there all along learns of deaths that others have found") {
  const temp_dir dir;
  bool dies = true;
  int called = 0;
  const auto chain = pawl::workflow<"poison">(pawl::step<"parse">([&](std::uint64_t number) {
    ++called;
    if (dies && number == 7) std::abort();
    return number;
  }));
  const auto other = pawl::workflow<"other">(pawl::step<"one">([](std::uint64_t number) { return number; }));
  const auto shared = [] {
    pawl::engine_options options = quiet(1);
    options.opening = pawl::opening::shared;
    return options;
  };
  // Made before there is an engine here, each waits until it is told.
  const auto go = [&](int number) { return dir / ("go" + std::to_string(number)); };
  std::vector<std::unique_ptr<child_process>> others;
  for (int number = 0; number < 4; ++number)
    others.push_back(std::make_unique<child_process>([&, number](int) {
      ::alarm(120);
      ::signal(SIGABRT, SIG_DFL);  // Catch2 would report it
      while (!std::filesystem::exists(go(number))) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      pawl::engine engine(dir / "state", shared());
      // The last one finds the third dead, and has nothing to do with its item.
      if (number == 3) return engine.run(other, std::vector<std::uint64_t>{7}).done == 1 ? 0 : 1;
      static_cast<void>(engine.run(chain, std::vector<std::uint64_t>{7}));
      return 1;
    }));
  pawl::engine engine(dir / "state", shared());
  for (int number = 0; number < 4; ++number) {
    std::ofstream(go(number)).put('!');
    CHECK(others[static_cast<std::size_t>(number)]->wait() == (number < 3 ? -SIGABRT : 0));
  }
  dies = false;
  CHECK(engine.run(chain, std::vector<std::uint64_t>{7}).failed == 1);
  CHECK(called == 0);
}

TEST_CASE("in a loop a checkpoint begins the count anew in whichever process it was made") {
  const temp_dir dir;
  CHECK(all_supervised(dir / "state", {"1", "1", "segv", "loop", "shared"}, 2, 40) > 10);
  CHECK(ends_of(dir / "state").done == 1);
  CHECK(all_supervised(dir / "rare", {"1", "1", "segv", "loop", "rare", "shared"}, 2, 40) == 3);
  CHECK(ends_of(dir / "rare").failed == std::set<std::uint64_t>{0});
}

TEST_CASE("one of several that share a state, killed from outside again and again: nobody is blamed") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const temp_dir dir;
  const std::vector<std::string> words{"20000", "2", "none", "slow", "shared"};
  std::array<pid_t, 3> all{};
  for (pid_t& one : all) one = start(dir / "state", words);
  int kills = 0;
  for (std::size_t i = 0; i < 30; ++i) {
    std::this_thread::sleep_for(std::chrono::microseconds(50'000 + random() % 50'000));
    pid_t& one = all[i % 3];
    const int with = std::array{SIGKILL, SIGTERM, SIGSEGV, SIGABRT, SIGKILL}[i % 5];
    ::kill(one, with);
    const int end = end_of(one);
    CAPTURE(i, with, end);
    REQUIRE((end == 0 || end == -with));
    if (end != 0) ++kills;
    one = start(dir / "state", words);
  }
  CHECK(kills > 20);
  for (const pid_t one : all) CHECK(end_of(one) == 0);
  CHECK(entries_left(dir / "state") == 0);
  const ends found = ends_of(dir / "state");
  CHECK(found.done == 20000);
  CHECK(found.failed.empty());
}
