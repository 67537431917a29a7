// The state directory goes wrong under the engine: each time a sentence, and nothing acknowledged is lost.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/looked_at.hpp"
#include "support/numbers.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::numbers;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

auto squares() {
  return pawl::workflow<"squares">(pawl::step<"square">([](int n) { return std::string(1000, static_cast<char>('a' + n % 26)); }),
                                   pawl::step<"pass">([](const std::string& s) { return s; }));
}

// Runs `body` in a child process; returns its exit code, or 128 + signal.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    int code = 99;
    try {
      code = body();
    } catch (...) {
    }
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

pawl::error open_fails(const std::filesystem::path& path) {
  try {
    pawl::engine engine(path, quiet());
  } catch (const pawl::error& failure) {
    return failure;
  }
  FAIL("it opened");
  return {pawl::errc::io, ""};
}

}  // namespace

TEST_CASE("a state that another process has open is refused with that process's number") {
  const temp_dir dir;
  int to_child[2];
  int to_parent[2];
  REQUIRE(::pipe(to_child) == 0);
  REQUIRE(::pipe(to_parent) == 0);
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    const pawl::engine engine(dir / "state", quiet());
    char byte = 'o';
    if (::write(to_parent[1], &byte, 1) != 1 || ::read(to_child[0], &byte, 1) != 1) ::_exit(1);
    ::_exit(0);
  }
  char byte = 0;
  REQUIRE(::read(to_parent[0], &byte, 1) == 1);
  const pawl::error failure = open_fails(dir / "state");
  CHECK(failure.code() == pawl::errc::state_in_use);
  CHECK_THAT(failure.what(), Contains(std::to_string(child)));
  REQUIRE(::write(to_child[1], &byte, 1) == 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  const pawl::engine mine(dir / "state", quiet());
  const pawl::error twice = open_fails(dir / "state");
  CHECK(twice.code() == pawl::errc::state_in_use);
}

TEST_CASE("a file, a foreign directory and a missing parent are refused and left alone") {
  const temp_dir dir;
  std::ofstream(dir / "file") << "mine";
  CHECK(open_fails(dir / "file").code() == pawl::errc::not_a_state);
  std::filesystem::create_directory(dir / "foreign");
  std::ofstream(dir / "foreign" / "letter") << "mine";
  CHECK(open_fails(dir / "foreign").code() == pawl::errc::not_a_state);
  CHECK(std::distance(std::filesystem::directory_iterator(dir / "foreign"), {}) == 1);
  const pawl::error missing = open_fails(dir / "no" / "where");
  CHECK((missing.code() == pawl::errc::not_a_state || missing.code() == pawl::errc::io));
  CHECK_FALSE(std::filesystem::exists(dir / "no"));
}

TEST_CASE("an engine whose owner's file is taken from under it notices another one, and acknowledges nothing more") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = squares();
  CHECK(engine.run(w, numbers(10)).done == 10);
  std::filesystem::remove(dir / "state" / "owner");
  const pid_t other = ::fork();
  if (other == 0) {
    const std::string child = std::string(PAWL_TEST_BUILD_DIR) + "/tests/crash/child";
    std::filesystem::create_directory(dir / "out");
    ::execl(child.c_str(), "child", (dir / "state").c_str(), (dir / "out").c_str(), (dir / "log").c_str(), "0", "5", "1",
            "0", "plain", nullptr);
    ::_exit(127);
  }
  int status = 0;
  REQUIRE(::waitpid(other, &status, 0) == other);
  REQUIRE(status == 0);
  try {
    engine.run(w, numbers(30));
    FAIL("two engines wrote to one state");
  } catch (const pawl::error& failure) {
    CHECK(failure.code() == pawl::errc::state_in_use);
    CHECK_THAT(failure.what(), Contains("owner"));
  }
}

TEST_CASE("a state is made for its owner alone") {
  const temp_dir dir;
  const mode_t before = ::umask(0);
  { pawl::engine engine(dir / "state", quiet()); }
  ::umask(before);
  struct stat info {};
  REQUIRE(::stat((dir / "state").c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0700);
  for (const auto& entry : std::filesystem::directory_iterator(dir / "state")) {
    REQUIRE(::stat(entry.path().c_str(), &info) == 0);
    CHECK((info.st_mode & 0077) == 0);
  }
}

TEST_CASE("when data.mdb cannot grow the run ends with the cause, and with room again it goes on") {
  const temp_dir dir;
  const auto w = squares();
  const int code = in_child([&] {
    pawl::engine engine(dir / "state", quiet());
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{512 * 1024, 512 * 1024};
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    try {
      engine.run(w, numbers(5000));
      return 2;
    } catch (const pawl::error& failure) {
      if (failure.code() != pawl::errc::io && failure.code() != pawl::errc::disk_full) return 3;
    }
    try {
      engine.run(w, numbers(1));
      return 4;
    } catch (const pawl::error& failure) {
      return failure.code() == pawl::errc::stopped ? 0 : 5;
    }
  });
  CHECK(code == 0);
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.run(w, numbers(5000));
  CHECK(report.done == 5000);
  CHECK(report.settled_before < 5000);
  CHECK(engine.result(w, 4999)->size() == 1000);
}

TEST_CASE("results of every size around a megabyte come back as they were") {
  const temp_dir dir;
  const auto size_of = [](int n) { return (std::size_t{1} << 20) - 200 + static_cast<std::size_t>(n) * 90'000; };
  const auto w = pawl::workflow<"large">(pawl::step<"small">([](int n) { return n; }),
                                         pawl::step<"large">([&](int n) { return std::string(size_of(n), static_cast<char>('a' + n)); }),
                                         pawl::step<"same">([](const std::string& s) { return s; }));
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, numbers(16)).done == 16);
  }
  pawl::engine engine(dir / "state", quiet());
  for (int n = 0; n < 16; ++n) REQUIRE(engine.result(w, n) == std::string(size_of(n), static_cast<char>('a' + n)));
}

TEST_CASE("a group of records that is larger than the journal goes through it piece by piece") {
  for (const pawl::durability mode : {pawl::durability::power, pawl::durability::process}) {
    const temp_dir dir;
    pawl::engine_options options = quiet();
    options.durability = mode;
    options.journal_bytes = 16 << 20;
    options.workers = 2;
    const auto w = pawl::workflow<"wide">(pawl::step<"make">([](int n) { return std::string(300'000, static_cast<char>('a' + n % 26)); }),
                                          pawl::step<"same">([](const std::string& s) { return s; }));
    pawl::engine engine(dir / "state", options);
    CHECK(engine.run(w, numbers(300)).done == 300);
  }
}

TEST_CASE("a disk that is really full is named, nothing acknowledged is lost, and with room again it goes on") {
  const temp_dir dir;
  const std::filesystem::path disk = dir / "disk";
  std::filesystem::create_directory(disk);
  if (::mount("pawl-test", disk.c_str(), "tmpfs", 0, "size=24m") != 0) {
    WARN("not tried here: mounting a small file system needs root");
    return;
  }
  const auto w = squares();
  std::uint64_t settled = 0;
  {
    pawl::engine_options options = quiet();
    options.window_items = 256;
    pawl::engine engine(disk / "state", options);
    std::ofstream(disk / "ballast") << std::string(13 << 20, 'b');
    try {
      engine.run(w, numbers(5000));
      FAIL("24 MB held it all");
    } catch (const pawl::error& failure) {
      CHECK(failure.code() == pawl::errc::disk_full);
      CHECK_THAT(failure.what(), Contains("full") || Contains("room") || Contains("space"));
    }
  }
  std::filesystem::remove(disk / "ballast");
  {
    pawl::engine engine(disk / "state", quiet());
    const auto some = numbers(500);
    const pawl::report report = engine.run(w, some);
    settled = report.settled_before;
    CHECK(report.done == 500);
  }
  CHECK(settled > 0);
  REQUIRE(::umount(disk.c_str()) == 0);
}

TEST_CASE("a damaged record fails its item by name, and the others go on") {
  const temp_dir dir;
  bool broken = true;
  const auto w = pawl::workflow<"w">(pawl::step<"read">([](int n) { return std::string(300, 'p') + "marker" + std::to_string(n); }),
                                     pawl::step<"write">([&](const std::string& s) {
                                       if (broken) throw std::runtime_error("down");
                                       return s.size();
                                     }));
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, numbers(20)).failed == 20);
  }
  // One byte of one stored result, in every copy of it that the file holds.
  std::string bytes;
  {
    std::ifstream in(dir / "state" / "data.mdb", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  int flipped = 0;
  for (std::size_t at = 0; (at = bytes.find("marker7", at)) != std::string::npos; ++at, ++flipped) bytes[at] = 'M';
  REQUIRE(flipped > 0);
  std::ofstream(dir / "state" / "data.mdb", std::ios::binary | std::ios::in) << bytes;

  broken = false;
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.run(w, numbers(20));
  CHECK(report.done == 19);
  CHECK(report.failed == 1);
  REQUIRE(report.first_failures.size() == 1);
  CHECK(report.first_failures[0].key == "7");
  CHECK_THAT(report.first_failures[0].reason, Contains("damaged") || Contains("checksum"));
}

TEST_CASE("an item of which not even its row can be read is counted, so the report adds up") {
  const temp_dir dir;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, numbers(20)).done == 20);
  }
  pawl::test::damage_row(dir / "state", 1, 7);
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.run(w, numbers(20));
  CHECK(report.failed == 1);
  CHECK(report.done == 19);
  CHECK(report.items == 20);
}
