// Real file systems in a file, by loop mounts: shut down in mid-run, which takes what was not flushed, and full. Needs
// root; where nothing can be mounted the cases say so and try nothing.
//
// PAWL_TEST_SHUTDOWNS says how many on each file system, PAWL_TEST_FULL_DISKS how many disks are filled.
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/evidence.hpp"
#include "support/run_tool.hpp"

#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <random>
#include <thread>

using namespace pawl::test;

namespace {

bool shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

// A file system in a file, mounted or not.
class small_disk {
public:
  small_disk(const std::string& type, int mebibytes) : type_(type) {
    std::filesystem::create_directory(where_ / "mounted");
    usable_ = shell("truncate -s " + std::to_string(mebibytes) + "M " + image()) &&
              shell("mkfs." + type + (type == "ext4" ? " -m 0" : "") + " -q " + image()) && mount();  // nothing is kept for root
  }
  ~small_disk() { unmount(); }
  small_disk(const small_disk&) = delete;
  small_disk& operator=(const small_disk&) = delete;

  [[nodiscard]] bool usable() const { return usable_; }
  [[nodiscard]] std::filesystem::path path() const { return where_ / "mounted"; }
  bool mount() {
    // After XFS has replayed its log it may be mounted; "nouuid" is for images that were copied.
    mounted_ = shell("mount -o loop " + image() + " " + path().string());
    return mounted_;
  }
  bool unmount() {
    if (!mounted_) return true;
    for (int tries = 0; tries < 100; ++tries) {
      if (shell("umount " + path().string())) {
        mounted_ = false;
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return false;
  }
  // What was not flushed is lost, as when the power fails; every later call fails.
  void shut_down() {
    constexpr __u32 without_flushing_the_log = 2;                    // EXT4_GOING_FLAGS_NOLOGFLUSH, XFS_FSOP_GOING_FLAGS_NOLOGFLUSH
    constexpr unsigned long going_down = _IOR('X', 125, __u32);      // EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN are the same
    const int fd = ::open(path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    REQUIRE(fd >= 0);
    __u32 how = without_flushing_the_log;
    const int status = ::ioctl(fd, going_down, &how);
    ::close(fd);
    REQUIRE(status == 0);
  }

private:
  [[nodiscard]] std::string image() const { return where_ / "image"; }
  temp_dir where_;
  std::string type_;
  bool usable_ = false;
  bool mounted_ = false;
};

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

  int wait() {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0) {}
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }

private:
  pid_t pid_ = 0;
};

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

bool can_mount(const std::string& type) {
  const bool can = ::geteuid() == 0 && small_disk(type, type == "xfs" ? 320 : 64).usable();
  if (!can) WARN("no " + type + " can be mounted here: nothing was tried");
  return can;
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
  int named = 0;
  for (int round = 0; round < wanted; ++round) {
    small_disk disk("ext4", 64);
    REQUIRE(disk.usable());
    story one(disk, round % 3 == 2 ? "plain,process" : "plain", 6000);
    int run = 0;
    for (int times = 0; times < 4; ++times, ++run) {
      // All but some room is taken, at the beginning or in the middle of the run.
      const std::string balloon = disk.path() / "balloon";
      const auto space = std::filesystem::space(disk.path());
      const std::uint64_t left = random() % (std::uint64_t{4'000'000} << times);
      const std::string inflate =
          "fallocate -l " + std::to_string(space.available > left ? space.available - left : 4096) + " " + balloon;
      const bool before = random() % 2 == 0;
      if (before) shell(inflate);
      disturbed_run child(one.options, run);
      if (!before) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 200'000));
        shell(inflate);
      }
      const int code = child.wait();
      const std::string sentence = content_of_file(one.options.dir / "errors");
      CAPTURE(round, times, left, code, sentence);
      CHECK((code == 0 || code == 3));
      if (code == 3) {
        ++named;
        CHECK_THAT(sentence, Catch::Matchers::Contains("free some room"));
      }
      shell("rm -f " + balloon);
    }
    CHECK(run_child(one.options, run, 0) == child_end::finished);
    for (const std::string& text : violations(one.options)) FAIL_CHECK(text);
    CHECK(output_of(one.options.dir) == expected_output(one.options.items));
  }
  std::cout << wanted << " disks, full " << named << " times in mid-run (seed " << seed << ")\n";
  CHECK(named > 0);
}
