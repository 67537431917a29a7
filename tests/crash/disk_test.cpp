// Real file systems in a file, by loop mounts: shut down in mid-run, which takes what was not flushed, and full. Needs
// root; where nothing can be mounted the cases say so and try nothing.
//
// PAWL_TEST_SHUTDOWNS says how many on each file system, PAWL_TEST_FULL_DISKS how many disks are filled.
#include "crash/shared_scene.hpp"
#include "crash/small_disk.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/evidence.hpp"
#include "support/run_tool.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <thread>

using namespace pawl::test;

namespace {

// A story on a disk: what happens outside of pawl (output, log) lies elsewhere and is not lost with it.
struct story {
  temp_dir outside;
  child_options options;

  story(const small_disk& disk, const std::string& mode, int items) {
    const std::filesystem::path state = disk.path() / "state";
    std::filesystem::create_directory(state);
    shell("sync -f " + state.string());  // it is not what is under test
    std::filesystem::create_directories(outside / "out");
    std::filesystem::create_directory_symlink(state, outside / "state");
    options = {.dir = outside.path(), .items = items, .workers = 2, .mode = mode};
  }
};

// A run that somebody else disturbs; its exit code, -signal where one ended it.
class disturbed_run {
public:
  disturbed_run(const child_options& options, int run) {
    pid_ = ::fork();
    if (pid_ != 0) return;
    const int errors = ::open((options.dir / "errors").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (errors >= 0) ::dup2(errors, STDERR_FILENO);
    const std::string words[] = {options.dir / "state",          options.dir / "out", options.dir / "log", std::to_string(run),
                                 std::to_string(options.items),  std::to_string(options.workers), "0", options.mode};
    ::execl(PAWL_TEST_BUILD_DIR "/tests/crash/child", "child", words[0].c_str(), words[1].c_str(), words[2].c_str(),
            words[3].c_str(), words[4].c_str(), words[5].c_str(), words[6].c_str(), words[7].c_str(), nullptr);
    ::_exit(127);
  }
  disturbed_run(const disturbed_run&) = delete;
  disturbed_run& operator=(const disturbed_run&) = delete;
  ~disturbed_run() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) wait();
  }

  [[nodiscard]] bool has_ended() const {
    siginfo_t how{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &how, WEXITED | WNOHANG | WNOWAIT) == 0 && how.si_pid == pid_;
  }
  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {}
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

private:
  pid_t pid_ = 0;
};

// Until the run has begun a second step of an item, so that it has committed something; or has ended.
void wait_for_step(const child_options& options, int run, const disturbed_run& child) {
  const std::string begun = "S " + std::to_string(run) + " ";
  const auto is_second = [&](const std::string& line) { return line.starts_with(begun) && line.back() != '0'; };
  for (; !child.has_ended(); std::this_thread::sleep_for(std::chrono::milliseconds(5))) {
    std::ifstream log(options.dir / "log");
    for (std::string line; std::getline(log, line);)
      if (is_second(line)) return;
  }
}

struct outcome {
  int shutdowns = 0;
  int faults = 0;  // of those: the process died of SIGBUS, for a page that it had mapped was on the disk that was gone
  int stories = 0;
  std::vector<std::string> wrong;
};

// Stories of shutdowns until there were so many: the disk goes down at random moments, comes back, and the next run goes on.
outcome shut_down_often(const std::string& type, const std::string& mode, int wanted, std::mt19937& random) {
  outcome found;
  // Power cuts take what `process` acknowledged: there only the end is judged.
  const bool judged = mode.find("process") == std::string::npos;
  while (found.shutdowns < wanted && found.wrong.empty()) {
    small_disk disk(type, type == "xfs" ? 320 : 64);
    REQUIRE(disk.usable());
    story one(disk, mode, 1500);
    ++found.stories;
    int run = 0;
    for (; found.shutdowns < wanted; ++run) {
      disturbed_run child(one.options, run);
      if (run % 2 == 1) wait_for_step(one.options, run, child);  // however slow the disk; else perhaps in the opening
      std::this_thread::sleep_for(std::chrono::microseconds(2000 + random() % 100'000));
      disk.shut_down();
      const int code = child.wait();
      if (code == -SIGBUS) ++found.faults;
      else if (code != 0 && code != 3 && code != 1) found.wrong.push_back("a run on a disk that went down ended with " + std::to_string(code));
      REQUIRE(disk.unmount());
      REQUIRE(disk.mount());
      if (code == 0) break;
      ++found.shutdowns;
    }
    child_options well = one.options;
    if (mode.find("unflushed") != std::string::npos) well.mode = "slow";
    if (run_child(well, run + 1, 0) != child_end::finished) found.wrong.emplace_back("the run behind the shutdowns does not end well");
    if (judged)
      for (std::string& text : violations(one.options)) found.wrong.push_back(std::move(text));
    if (output_of(one.options.dir) != expected_output(one.options.items)) found.wrong.emplace_back("the output is not that of an undisturbed run");
  }
  return found;
}

}  // namespace

TEST_CASE("a file system that is shut down in mid-run takes nothing that was acknowledged") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const char* const type : {"ext4", "xfs"}) {
    if (!can_mount(type)) continue;
    const int wanted = asked_for("PAWL_TEST_SHUTDOWNS", 8);
    for (const char* const mode : {"slow", "slow,process"}) {
      CAPTURE(type, mode);
      const outcome found = shut_down_often(type, mode, std::string(mode) == "slow" ? wanted - wanted / 4 : wanted / 4, random);
      std::cout << type << " (" << mode << "): shut down " << found.shutdowns << " times in " << found.stories << " stories, "
                << found.faults << " died of the page that they read, " << found.wrong.size() << " bad (seed " << seed << ")\n";
      for (const std::string& one : found.wrong) FAIL_CHECK(one);
    }
  }
}

TEST_CASE("an engine that does not flush would be found out by a shutdown") {
  if (!can_mount("ext4")) return;
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  CHECK_FALSE(shut_down_often("ext4", "slow,unflushed", 60, random).wrong.empty());
}

TEST_CASE("a disk of 64 MB that fills is named, and when there is room again the run goes on") {
  if (!can_mount("ext4")) return;
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int wanted = asked_for("PAWL_TEST_FULL_DISKS", 3);
  constexpr int disks_max = 40;
  int named = 0;
  int disks = 0;
  for (int round = 0; round < wanted || (named == 0 && round < disks_max); ++round) {  // 2 of 5 disks leave enough room
    small_disk disk("ext4", 64);
    ++disks;
    REQUIRE(disk.usable());
    story one(disk, round % 3 == 2 ? "plain,process" : "plain", 6000);
    int run = 0;
    for (int times = 0; times < 4; ++times, ++run) {
      // All but some room is taken, at the beginning or in the middle of the run.
      const std::uint64_t left = random() % (std::uint64_t{4'000'000} << times);
      std::optional<balloon> taken;
      const bool before = random() % 2 == 0;
      if (before) taken.emplace(disk, left);
      disturbed_run child(one.options, run);
      if (!before) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 200'000));
        taken.emplace(disk, left);
      }
      const int code = child.wait();
      const std::string sentence = content_of_file(one.options.dir / "errors");
      CAPTURE(round, times, left, code, sentence);
      CHECK((code == 0 || code == 3));
      if (code == 3) {
        ++named;
        CHECK_THAT(sentence, Catch::Matchers::Contains("free some room"));
      }
    }
    CHECK(run_child(one.options, run, 0) == child_end::finished);
    for (const std::string& text : violations(one.options)) FAIL_CHECK(text);
    CHECK(output_of(one.options.dir) == expected_output(one.options.items));
  }
  std::cout << disks << " disks, full " << named << " times in mid-run (seed " << seed << ")\n";
  CHECK(named > 0);
}

TEST_CASE("a disk that fills under three processes is named by each that meets it, and when there is room again others go on") {
  if (!can_mount("ext4")) return;
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int wanted = asked_for("PAWL_TEST_FULL_DISKS", 3);
  constexpr std::uint64_t items = 1500;
  int named = 0;
  for (int round = 0; round < wanted; ++round) {
    small_disk disk("ext4", 64);
    REQUIRE(disk.usable());
    const scene here(disk.path() / "state");
    std::set<pid_t> gave_up;
    for (int times = 0; times < 3; ++times) {
      std::array<std::unique_ptr<process>, 3> all;
      for (auto& one : all) one = here.start(0, items);
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 300'000));
      const balloon taken(disk, random() % (std::uint64_t{50'000} << times));
      for (auto& one : all) {
        const int code = one->wait();
        CAPTURE(round, times, code, one->said);
        CHECK((code == 0 || code == 3));
        if (code != 3) continue;
        ++named;
        gave_up.insert(one->pid());
        CHECK_THAT(one->said, Catch::Matchers::Contains("free some room"));
      }
    }
    const auto last = here.start(0, items);
    CHECK(last->wait() == 0);
    CHECK(last->said == "items 1500 done 1500 failed 0 duplicates 0\n");
    const verdict found = judge(here, gave_up);
    CAPTURE(found.wrong);
    CHECK(found.wrong.empty());
    CHECK(found.finished.size() == items);
    CHECK(done_in(here) == items);
    CHECK(run_tool({"verify", here.state()}).code == 0);
  }
  std::cout << wanted << " disks under three processes, full " << named << " times for one of them (seed " << seed << ")\n";
  CHECK(named > 0);
}
