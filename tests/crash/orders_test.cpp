// workflows/orders, killed at any moment: what comes out is what an undisturbed run gives, to the cent.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

using namespace pawl::test;

namespace {

const std::string program = PAWL_TEST_BUILD_DIR "/workflows/orders";
const std::string child_program = PAWL_TEST_BUILD_DIR "/tests/crash/orders_child";

// Runs a program, kills it after `microseconds` (0: does not). Its exit code, or -signal; what it printed goes into `out`.
int call(const std::vector<std::string>& words, long microseconds, std::string* out = nullptr) {
  const temp_dir dir;
  const std::string out_path = dir / "out";
  std::vector<std::string> all = words;
  std::vector<char*> argv;
  for (std::string& one : all) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::alarm(120);  // a hang is a failure
    const int to = ::open(out_path.c_str(), O_WRONLY | O_CREAT, 0600);
    const int quiet = ::open("/dev/null", O_WRONLY);
    if (::dup2(to, STDOUT_FILENO) < 0 || ::dup2(quiet, STDERR_FILENO) < 0) ::_exit(126);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  if (microseconds != 0) {
    std::this_thread::sleep_for(std::chrono::microseconds(microseconds));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  if (out != nullptr) {
    std::ifstream in(out_path);
    std::ostringstream text;
    text << in.rdbuf();
    *out = text.str();
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int run(const std::filesystem::path& state, long items, const std::string& durability, long microseconds) {
  return call({program, "run", "--items", std::to_string(items), "--state", state, "--durability", durability},
              microseconds);
}

// What `orders check` says; the exit code goes into `code`.
std::string said_of(const std::filesystem::path& state, int& code) {
  std::string out;
  code = call({program, "check", "--state", state}, 0, &out);
  return out;
}

// Of an undisturbed run.
std::string undisturbed(long items) {
  const temp_dir dir;
  REQUIRE(run(dir / "state", items, "power", 0) == 0);
  int code = 0;
  const std::string said = said_of(dir / "state", code);
  REQUIRE(code == 0);
  REQUIRE(said.find("items: " + std::to_string(items) + "\n") != std::string::npos);
  return said;
}

int run_child(const std::filesystem::path& state, long items, const std::string& durability, long kill_at,
              bool split = false) {
  std::vector<std::string> words{child_program, state, std::to_string(items), durability, std::to_string(kill_at)};
  if (split) words.push_back("split");
  return call(words, 0);
}

}  // namespace

TEST_CASE("other orders, and no orders, have other digests") {
  CHECK(undisturbed(100) != undisturbed(101));
}

TEST_CASE("killed before every write and flush of a small run, the balance holds, and the next run completes it") {
  constexpr long items = 100;  // more than a window
  const std::string wanted = undisturbed(items);
  for (const std::string durability : {"power", "process"}) {
    int kills = 0;
    for (long at = 1;; ++at) {
      CAPTURE(durability, at);
      const temp_dir dir;
      const int end = run_child(dir / "state", items, durability, at);
      if (end == 0) break;
      REQUIRE(end == -SIGKILL);
      ++kills;
      int code = 0;
      if (at % 3 == 0 && std::filesystem::exists(dir / "state")) {
        static_cast<void>(said_of(dir / "state", code));
        CHECK(code == 0);  // as the kill left it
      }
      REQUIRE(run_child(dir / "state", items, durability, 0) == 0);
      CHECK(said_of(dir / "state", code) == wanted);
      CHECK(code == 0);
    }
    CHECK(kills > 20);
  }
}

TEST_CASE("killed at random moments of a larger run, again and again") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr long items = 20'000;
  const std::string wanted = undisturbed(items);
  const int kills_in_all = asked_for("PAWL_TEST_KILLS", 60);
  int stories = 0;
  for (int kills = 0; kills < kills_in_all; ++stories) {
    const temp_dir dir;
    const std::string durability = stories % 2 == 0 ? "power" : "process";
    for (;;) {
      CAPTURE(kills, durability);
      const long after = kills < kills_in_all ? static_cast<long>(random() % 150'000 + 1) : 0;
      const int end = run(dir / "state", items, durability, after);
      if (end == 0) break;
      REQUIRE(end == -SIGKILL);
      ++kills;
      int code = 0;
      if (kills % 4 != 0 || !std::filesystem::exists(dir / "state")) continue;
      static_cast<void>(said_of(dir / "state", code));
      CHECK(code == 0);
    }
    int code = 0;
    CHECK(said_of(dir / "state", code) == wanted);
    CHECK(code == 0);
  }
}

TEST_CASE("a store that commits writes and checkpoints one after the other is found out") {
  constexpr long items = 100;
  const std::string wanted = undisturbed(items);
  bool found = false;
  for (long at = 1; !found; ++at) {
    const temp_dir dir;
    const int end = run_child(dir / "state", items, "power", at, true);
    REQUIRE((end == 0 || end == -SIGKILL));
    if (end == 0) break;
    REQUIRE(run_child(dir / "state", items, "power", 0, true) == 0);
    int code = 0;
    found = said_of(dir / "state", code) != wanted && code == 1;
  }
  CHECK(found);
}
