// A parent with children, killed at any moment: no child that has finished runs again, none starts before all are
// recorded, and the parent goes on when all have ended.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/temp_dir.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace pawl::test;

namespace {

enum class child_end { finished, killed, broken };

struct story {
  std::filesystem::path dir;
  int children = 6;
  int workers = 1;
  std::string mode = "plain";
};

child_end run_child(const story& of, int run, long kill_at, long microseconds = 0) {
  const std::string program = PAWL_TEST_BUILD_DIR "/tests/crash/fan_child";
  std::vector<std::string> words{program, of.dir / "state", of.dir / "log", std::to_string(run), std::to_string(of.children),
                                 std::to_string(of.workers), std::to_string(kill_at), of.mode};
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
  if (microseconds > 0) {
    ::usleep(static_cast<useconds_t>(microseconds));
    ::kill(child, SIGKILL);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return child_end::killed;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? child_end::finished : child_end::broken;
}

struct step_history {
  int last_run = -1;
  bool ended = false;
  std::size_t ended_at = 0;
  bool acknowledged = false;
};

// What the log proves, as sentences; empty where all is well.
std::vector<std::string> violations(const story& of) {
  const bool commits_tell = of.workers == 1 && of.mode.find("process") == std::string::npos;
  const bool reproducible = of.mode.find("reproducible") != std::string::npos;
  std::vector<std::string> found;
  std::map<std::pair<int, int>, step_history> steps;
  bool all_given = false;
  bool parent_went_on = false;
  bool finished = false;
  int run = -1;
  // Of the run at hand: the last start of a step; where commits began and ended.
  std::size_t last_start = 0;
  std::size_t began = 0;
  std::size_t ended_before = 0;
  std::ifstream in(of.dir / "log");
  std::size_t at = 0;
  for (std::string text; std::getline(in, text); ++at) {
    std::istringstream words(text);
    char what = 0;
    int of_run = 0;
    int number = 0;
    int step = 0;
    words >> what >> of_run >> number >> step;
    if (of_run != run) {
      run = of_run;
      last_start = began = ended_before = 0;
    }
    const std::string name = "child " + std::to_string(number) + " step " + std::to_string(step);
    if (what == 'N') {
      all_given = true;
    } else if (what == 'D') {
      began = at;
    } else if (what == 'M') {
      // Ended, then the only worker started another step, so the record was handed over; a commit ended, and the next
      // one, which began afterwards, took it along.
      if (commits_tell)
        for (auto& [key, one] : steps)
          if (one.ended && one.last_run == run && one.ended_at < last_start && last_start < ended_before && ended_before < began)
            one.acknowledged = true;
      ended_before = at;
    } else if (what == 'S') {
      step_history& one = steps[{number, step}];
      if (one.acknowledged) found.push_back(name + " was acknowledged and ran again in run " + std::to_string(run));
      else if (one.last_run == run) found.push_back(name + " ran twice in run " + std::to_string(run));
      if (!all_given && !reproducible) found.push_back(name + " started before all children were recorded");
      if (parent_went_on) found.push_back(name + " ran when its parent had gone on");
      if (step > 0) {
        step_history& before = steps[{number, step - 1}];
        if (before.last_run == run && !before.ended) found.push_back(name + " started before the step in front of it ended");
        before.acknowledged = true;
      }
      one.last_run = run;
      one.ended = false;
      last_start = at;
    } else if (what == 'E') {
      step_history& one = steps[{number, step}];
      one.ended = true;
      one.ended_at = at;
    } else if (what == 'P') {
      parent_went_on = true;
      if (number != of.children)
        found.push_back("the parent went on with " + std::to_string(number) + " children done");
      for (int child = 0; child < of.children; ++child)
        if (!steps[{child, 1}].ended)
          found.push_back("the parent went on before child " + std::to_string(child) + " had ended");
    } else if (what == 'R') {
      finished = true;
    }
  }
  if (!finished) found.emplace_back("no run has finished");
  if (!parent_went_on) found.emplace_back("the parent did not go on");
  return found;
}

void check_all_well(const story& of) {
  for (const std::string& violation : violations(of)) FAIL_CHECK(violation);
}

}  // namespace

TEST_CASE("a fan-out that nobody disturbs is what the others are compared with") {
  for (const std::string mode : {"plain", "narrow", "reproducible"}) {
    CAPTURE(mode);
    const temp_dir dir;
    const story of{.dir = dir.path(), .children = 60, .workers = 2, .mode = mode};
    REQUIRE(run_child(of, 0, 0) == child_end::finished);
    REQUIRE(run_child(of, 1, 0) == child_end::finished);
    check_all_well(of);
  }
}

TEST_CASE("a fan-out killed at every line of a small run goes on inside its children") {
  for (const auto& [children, mode] :
       {std::pair{5, "plain"}, std::pair{12, "narrow"}, std::pair{5, "reproducible"}, std::pair{5, "process"}}) {
    int kills = 0;
    for (long at = 1;; ++at) {
      CAPTURE(mode, at);
      const temp_dir dir;
      const story of{.dir = dir.path(), .children = children, .mode = mode};
      const child_end end = run_child(of, 0, at);
      REQUIRE(end != child_end::broken);
      if (end == child_end::finished) break;
      ++kills;
      REQUIRE(run_child(of, 1, 0) == child_end::finished);
      check_all_well(of);
    }
    CHECK(kills >= children * 5 + 3);  // given, two steps entered and left; the end of the source, the parent, the run
  }
}

TEST_CASE("a fan-out killed at random moments, again and again") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const char* const modes[] = {"plain", "narrow", "narrow,process", "reproducible,narrow"};
  const int wanted = asked_for("PAWL_TEST_KILLS", 40);
  for (int kills = 0, round = 0; kills < wanted; ++round) {
    const temp_dir dir;
    const story of{.dir = dir.path(), .children = 1500, .workers = round % 2 + 1, .mode = modes[round % 4]};
    int run = 0;
    for (;; ++run) {
      const child_end end = run_child(of, run, 0, kills < wanted && run < 8 ? static_cast<long>(random() % 80'000 + 1) : 0);
      CAPTURE(kills, run, of.mode);
      REQUIRE(end != child_end::broken);
      if (end == child_end::finished) break;
      ++kills;
    }
    REQUIRE(run_child(of, run + 1, 0) == child_end::finished);
    check_all_well(of);
  }
}

TEST_CASE("an engine that did not know its finished children any more would be found out") {
  const temp_dir dir;
  const story of{.dir = dir.path(), .children = 40, .mode = "keys_change"};
  REQUIRE(run_child(of, 0, 180) == child_end::killed);  // in the last steps
  REQUIRE(run_child(of, 1, 0) == child_end::finished);
  CHECK_FALSE(violations(of).empty());
}
