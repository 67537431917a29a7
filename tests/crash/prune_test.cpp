// engine::prune, killed at every write: each item is there wholly or not at all, and everything that speaks of items agrees.
#include "support/catch.hpp"
#include "support/contradictions.hpp"
#include "support/temp_dir.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

using namespace pawl::test;

namespace {

constexpr long kept = 13;

// Its exit code, or -signal.
int run_child(std::vector<std::string> words) {
  words.insert(words.begin(), PAWL_TEST_BUILD_DIR "/tests/crash/prune_child");
  std::vector<char*> argv;
  for (std::string& one : words) argv.push_back(one.data());
  argv.push_back(nullptr);
  const pid_t child = ::fork();
  if (child < 0) throw std::runtime_error("cannot fork");
  if (child == 0) {
    ::alarm(120);  // a hang is a failure
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

int prune(const std::filesystem::path& state, const std::string& mode, long kill_at) {
  return run_child({state, mode, std::to_string(kept), std::to_string(kill_at)});
}

// A state with 60 done items, closed; copied for each kill.
class made_state {
public:
  made_state() { REQUIRE(run_child({dir_ / "made", "make"}) == 0); }
  void copy_to(const std::filesystem::path& place) const {
    std::filesystem::copy(dir_ / "made", place, std::filesystem::copy_options::recursive);
  }

private:
  const temp_dir dir_;
};

std::string text_of(const std::vector<std::string>& found) {
  std::string text;
  for (const std::string& one : found) text += one + "\n";
  return text;
}

}  // namespace

TEST_CASE("killed before every write, flush and unlink of a prune, nothing is half removed, and the next one completes it") {
  const made_state made;
  for (const std::string mode : {"engine", "pieces"}) {
    int kills = 0;
    int in_between = 0;  // some are gone and some are to go
    for (long at = 1;; ++at) {
      CAPTURE(mode, at);
      const temp_dir dir;
      const std::filesystem::path state = dir / "state";
      made.copy_to(state);
      const int end = prune(state, mode, at);
      if (end == 0) break;
      REQUIRE(end == -SIGKILL);
      ++kills;
      CHECK(text_of(contradictions(state, false)).empty());
      const std::string entries = entries_of(state);
      const bool is_whole = entries.starts_with("items 60,") || entries.starts_with("items 13,");
      if (!is_whole) ++in_between;
      REQUIRE(prune(state, mode, 0) == 0);
      CHECK(text_of(contradictions(state, true)).empty());
      CHECK_THAT(entries_of(state), Catch::StartsWith("items 13, index 13,"));
    }
    CHECK(kills > 20);
    CHECK((in_between != 0) == (mode == "pieces"));
  }
}

TEST_CASE("a store that removes files before the commit, or commits keys and rows one after the other, is found out") {
  const made_state made;
  for (const std::string mode : {"files", "keys"}) {
    CAPTURE(mode);
    bool found = false;
    for (long at = 1; !found; ++at) {
      const temp_dir dir;
      const std::filesystem::path state = dir / "state";
      made.copy_to(state);
      if (prune(state, mode, at) != -SIGKILL) break;
      found = !contradictions(state, false).empty();
    }
    CHECK(found);
  }
}
