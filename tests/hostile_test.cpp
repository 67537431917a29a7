// A state directory that a stranger hands over: whatever stands in the place of its files, the engine and the tool end
// in order, say why, and write nowhere else.
#include <pawl/pawl.hpp>

#include "file/file_system.hpp"
#include "lmdb/catalogue.hpp"
#include "lmdb/environment.hpp"
#include "lmdb/owner_lock.hpp"
#include "lmdb/transaction.hpp"

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace pawl::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using path = std::filesystem::path;

namespace {

struct count {
  std::int64_t to = 0;
  std::int64_t now = 0;
};

constexpr std::int64_t items = 12;
constexpr int ends_in_the_middle = 7;

// Items with a value that is a file of its own, and a loop; in the middle of which the process ends, if it is asked to.
pawl::report run_all(const path& state, bool ends) {
  const auto pipeline = pawl::workflow<"stranger">(
      pawl::step<"read">([](std::int64_t n) { return std::string(n % 4 == 0 ? 3 << 20 : 100, 'x'); }).keep(),
      pawl::step<"count">([](const std::string& text) { return count{static_cast<std::int64_t>(text.size() % 7), 0}; }),
      pawl::loop<"loop">(
          [&](count& now, pawl::context& ctx) {
            if (ends && now.now == 3 && ctx.key() == "11") ::_exit(ends_in_the_middle);
            return ++now.now < 5 ? pawl::round::again : pawl::round::done;
          },
          {.every_rounds = 1}),
      pawl::step<"sum">([](const count& now) { return now.now; }));
  pawl::engine_options options = quiet();
  options.journal_bytes = 16 << 20;
  pawl::engine engine(state, options);
  return engine.run(pipeline, pawl::generate([n = std::int64_t{0}]() mutable -> std::optional<std::int64_t> {
                      return n < items ? std::optional(n++) : std::nullopt;
                    }));
}

// A state in which everything there can be is there: rows, files, slots, a journal that is not folded in.
void make_state(const path& state) {
  child_process child([&](int) {
    static_cast<void>(run_all(state, true));
    return 0;
  });
  REQUIRE(child.wait() == ends_in_the_middle);
}

// What a child may use, so that whoever allocates without bound is found out; addresses are free, LMDB takes a terabyte.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(PAWL_SANITIZE)
  const rlimit limit{std::size_t{1} << 30, std::size_t{1} << 30};
  ::setrlimit(RLIMIT_DATA, &limit);
#endif
}

struct ended {
  int status = 0;  // -signal where a signal ended it, 1000 where it hung
  std::string sentence;
};

// Opens the state and runs over it, in a process that may fail as it likes.
ended run_in_child(const path& state) {
  child_process child([&](int out) {
    limit_memory();
    try {
      const auto report = run_all(state, false);
      return report.done == items ? 0 : 2;
    } catch (const pawl::error& failure) {
      say(out, failure.what());
      return 1;
    }
  });
  std::thread watch([pid = child.pid()] {
    for (int i = 0; i < 10'000; ++i) {
      if (::kill(pid, 0) != 0) return;
      std::this_thread::sleep_for(3ms);
    }
    ::kill(pid, SIGUSR1);
  });
  ended how;
  how.sentence = child.line();
  how.status = child.wait();
  watch.join();
  return how;
}

std::string content(const path& file) { return content_of_file(file); }

std::vector<path> all_in(const path& state) {
  std::vector<path> found;
  for (const auto& one : std::filesystem::recursive_directory_iterator(state)) found.push_back(one.path());
  std::sort(found.begin(), found.end());
  return found;
}

void make_socket(const path& at) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  const std::string text = at.string();
  REQUIRE(text.size() < sizeof name.sun_path);
  std::copy(text.begin(), text.end(), name.sun_path);
  REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  ::close(fd);
}

// Something else in the place of a file or directory.
struct trick {
  const char* name;
  std::function<void(const path& place, const path& victim)> play;
  bool of_directories = true;
};

const std::vector<trick>& tricks() {
  static const std::vector<trick> all = {
      {"a link to a file elsewhere",
       [](const path& place, const path& victim) { std::filesystem::create_symlink(victim / "file", place); }},
      {"a link to a directory elsewhere",
       [](const path& place, const path& victim) { std::filesystem::create_symlink(victim / "directory", place); }},
      {"a link to what is not there",
       [](const path& place, const path& victim) { std::filesystem::create_symlink(victim / "fresh", place); }},
      {"a link to an endless device",
       [](const path& place, const path&) { std::filesystem::create_symlink("/dev/zero", place); }},
      {"a second name of a file elsewhere",
       [](const path& place, const path& victim) { std::filesystem::create_hard_link(victim / "file", place); }},
      {"a FIFO", [](const path& place, const path&) { REQUIRE(::mkfifo(place.c_str(), 0600) == 0); }},
      {"a socket", [](const path& place, const path&) { make_socket(place); }},
      {"a directory", [](const path& place, const path&) { std::filesystem::create_directory(place); }, false},
      {"an empty file", [](const path& place, const path&) { std::ofstream{place}; }},
      {"a file of nothing, which says that it has a terabyte",
       [](const path& place, const path&) {
         std::ofstream{place};
         std::filesystem::resize_file(place, std::uintmax_t{1} << 40);
       }},
  };
  return all;
}

struct victim_files {
  temp_dir where;
  victim_files() {
    std::filesystem::create_directory(where / "directory");
    std::ofstream(where / "file") << "precious";
    std::ofstream(where / "directory" / "1") << "precious";
    std::filesystem::permissions(where / "file", std::filesystem::perms(0640));
    std::filesystem::permissions(where / "directory", std::filesystem::perms(0755));
  }
  [[nodiscard]] bool is_untouched() const {
    return content(where / "file") == "precious" && content(where / "directory" / "1") == "precious" &&
           !std::filesystem::exists(where / "fresh") && all_in(where.path()).size() == 3 &&
           std::filesystem::status(where / "file").permissions() == std::filesystem::perms(0640) &&
           std::filesystem::status(where / "directory").permissions() == std::filesystem::perms(0755);
  }
};

}  // namespace

TEST_CASE("what stands in the place of a state's files leads nowhere else") {
  const temp_dir dir;
  make_state(dir / "whole");
  std::vector<std::string> names;
  bool has_slot = false;
  bool has_blob = false;
  for (const path& one : all_in(dir / "whole")) {
    names.push_back(one.lexically_relative(dir / "whole"));
    has_slot = has_slot || names.back().starts_with("slots/");
    has_blob = has_blob || names.back().starts_with("blobs/");
  }
  REQUIRE(has_slot);
  REQUIRE(has_blob);
  REQUIRE(std::find(names.begin(), names.end(), "journal/1") != names.end());

  std::size_t refused = 0;
  for (const std::string& name : names) {
    for (const trick& one : tricks()) {
      CAPTURE(name, one.name);
      const bool is_directory = std::filesystem::is_directory(dir / "whole" / name);
      if (is_directory && !one.of_directories) continue;
      const temp_dir copy;
      const victim_files victim;
      const path state = copy / "s";
      std::filesystem::copy(dir / "whole", state, std::filesystem::copy_options::recursive);
      std::filesystem::remove_all(state / name);
      one.play(state / name, victim.where.path());

      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"status", state.string()}, {"show", state.string(), "--int", "4"}}) {
        const said told = run_tool(command);
        CAPTURE(command.front(), told.err);
        CHECK(told.code >= 0);
        CHECK(told.code <= 4);
        CHECK((told.code == 0 || !told.err.empty() || !told.out.empty()));
      }
      const ended how = run_in_child(state);
      CAPTURE(how.status, how.sentence);
      CHECK((how.status == 0 || how.status == 1 || how.status == 2));
      if (how.status == 1) {
        CHECK(how.sentence.find("; ") != std::string::npos);
        ++refused;
      }
      CHECK(victim.is_untouched());
    }
  }
  CHECK(refused > 50);
}

TEST_CASE("a victim that is touched would be found out") {
  const victim_files written;
  std::ofstream(written.where / "file", std::ios::app) << "!";
  CHECK_FALSE(written.is_untouched());
  const victim_files made;
  std::ofstream{made.where / "fresh"};
  CHECK_FALSE(made.is_untouched());
  const victim_files opened;
  std::filesystem::permissions(opened.where / "file", std::filesystem::perms(0600));
  CHECK_FALSE(opened.is_untouched());
}

TEST_CASE("everything in a state is for its owner alone, whatever the umask") {
  for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
    CAPTURE(mask);
    const temp_dir dir;
    child_process child([&](int) {
      ::umask(mask);
      static_cast<void>(run_all(dir / "s", true));
      return 0;
    });
    REQUIRE(child.wait() == ends_in_the_middle);
    const auto mode_of = [](const path& one) { return static_cast<unsigned>(std::filesystem::status(one).permissions()); };
    CHECK(mode_of(dir / "s") == 0700);
    for (const path& one : all_in(dir / "s")) {
      CAPTURE(one);
      CHECK(mode_of(one) == (std::filesystem::is_directory(one) ? 0700U : 0600U));
    }
    CHECK(run_in_child(dir / "s").status == 0);
    for (const path& one : all_in(dir / "s")) {
      CAPTURE(one);
      CHECK(mode_of(one) == (std::filesystem::is_directory(one) ? 0700U : 0600U));
    }
  }
}

TEST_CASE("a state that others can write is told, and a link to a state is one") {
  const temp_dir dir;
  static_cast<void>(run_all(dir / "s", false));
  CHECK(run_tool({"status", (dir / "s").string()}).err.empty());
  std::filesystem::create_directory_symlink(dir / "s", dir / "link");
  CHECK(run_all(dir / "link", false).settled_before == items);
  std::filesystem::permissions(dir / "s", std::filesystem::perms(0770));
  const said told = run_tool({"status", (dir / "s").string()});
  CHECK(told.code == 0);
  CHECK_THAT(told.err + told.out, Contains("can be written by other users"));
}

TEST_CASE("what exceptions say is kept out of the log where that is asked for") {
  for (const bool told : {true, false}) {
    const temp_dir dir;
    std::ostringstream log;
    pawl::engine_options options = logging_to(log);
    options.values_in_logs = told;
    pawl::engine engine(dir / "s", options);
    const auto pipeline = pawl::workflow<"w">(pawl::step<"a">([](std::int64_t n) { return n; }));
    CHECK_THROWS_WITH(engine.run(pipeline, pawl::generate([]() -> std::optional<std::int64_t> {
                                   throw std::runtime_error("the number of the card is 4711");
                                 })),
                      Contains("4711"));
    CAPTURE(log.str());
    CHECK((log.str().find("4711") != std::string::npos) == told);
    CHECK_THAT(log.str(), Contains("event=run_failed workflow=w"));
  }
}

TEST_CASE("holes of a file are skipped, and nothing else") {
  const temp_dir dir;
  auto& files = pawl::core::machine_files();
  const auto fresh = files.create(dir / "f");
  const std::vector<std::byte> block(4096, std::byte{1});
  fresh->write(0, block);
  fresh->write(std::uint64_t{1} << 30, block);
  CHECK(fresh->skip_hole(0) == 0);
  CHECK(fresh->skip_hole(100) == 100);
  const std::uint64_t behind = fresh->skip_hole(std::uint64_t{1} << 20);
  CHECK(behind <= std::uint64_t{1} << 30);
  CHECK(fresh->skip_hole(std::uint64_t{1} << 31) >= fresh->size());
}

TEST_CASE("numbers out of a forged state: refused by name, without end or bound") {
  using namespace pawl::core;
  const temp_dir dir;
  const path state = dir / "state";
  const auto chain = pawl::workflow<"numbers">(pawl::step<"one">([](std::int64_t n) { return n; }));
  const auto run = [&](std::int64_t to) {
    std::vector<std::int64_t> numbers;
    for (std::int64_t n = 0; n < to; ++n) numbers.push_back(n);
    pawl::engine engine(state, quiet());
    return engine.run(chain, numbers).done;
  };
  const auto forge = [&](const std::function<void(write_transaction&)>& write) {
    environment env(state, access_mode::write, default_map_size(), owner_lock::take(state));
    write_transaction txn(env);
    env.set_identity(read_identity(txn));
    write(txn);
    txn.commit("forge");
  };
  const auto why = [](const auto& call) {
    try {
      static_cast<void>(call());
      return std::string();
    } catch (const pawl::error& failure) {
      return std::string(name_of(failure.code())) + ": " + failure.what();
    }
  };
  CHECK(run(1) == 1);
  workflow_counters counters;
  forge([&](write_transaction& txn) { counters = read_counters(txn, 1).value(); });
  const auto next_is = [&](item_id next) {
    counters.next_item = next;
    forge([&](write_transaction& txn) { write_counters(txn, 1, counters); });
  };
  next_is(item_id_end - 1);
  CHECK_THAT(why([&] { return run(3); }), Contains("bad_argument") && Contains("no id left"));
  next_is(item_id_end + 1);
  CHECK_THAT(why([&] { return run(3); }), Contains("damaged"));
  next_is(10);
  forge([](write_transaction& txn) { write_mark(txn, {~std::uint64_t{0}, ~std::uint64_t{0}, false}); });
  CHECK_THAT(why([&] { return run(3); }), Contains("damaged") && Contains("journal"));
}

TEST_CASE("in the place of a plan that was left: a pipe, a link to a file elsewhere") {
  const temp_dir dir;
  const path state = dir / "state";
  const auto chain = pawl::workflow<"planned">(pawl::step<"one">([](std::int64_t n) { return n; }));
  pawl::engine engine(state, quiet());
  CHECK(engine.run(chain, std::vector<std::int64_t>{1}).done == 1);
  static_cast<void>(engine.plan(chain));
  const path plans = state / "plan.json";
  REQUIRE(std::filesystem::exists(plans));
  const auto plan = [&] {
    try {
      static_cast<void>(engine.plan(chain));
      return std::string();
    } catch (const pawl::error& failure) {
      return std::string(failure.what());
    }
  };
  std::filesystem::remove(plans);
  REQUIRE(::mkfifo(plans.c_str(), 0600) == 0);
  ::alarm(60);  // a hang is a failure
  CHECK_THAT(plan(), Contains("is not a plain file"));
  ::alarm(0);
  std::filesystem::remove(plans);
  std::ofstream(dir / "elsewhere") << "a secret\n";
  std::filesystem::create_symlink(dir / "elsewhere", plans);
  CHECK_THAT(plan(), Contains("is a symbolic link"));
  std::filesystem::remove(plans);
  CHECK(plan().empty());
  CHECK(engine.run(chain, std::vector<std::int64_t>{2}).done == 1);
}

TEST_CASE("a data file of which nearly nothing is there is damaged, and takes no memory for what it says to have") {
  const temp_dir dir;
  const path state = dir / "state";
  const auto chain = pawl::workflow<"sparse">(pawl::step<"one">([](std::int64_t n) { return n; }));
  const auto run = [&] {
    pawl::engine engine(state, quiet());
    return engine.run(chain, std::vector<std::int64_t>{1}).done;
  };
  CHECK(run() == 1);
  std::fstream data(state / "data.mdb", std::ios::binary | std::ios::in | std::ios::out);
  const std::uint64_t last_page = (std::uint64_t{2} << 30) / 4096 - 1;
  for (const int meta : {0, 1}) {  // LMDB's: a header of 16 bytes, then MDB_meta, whose mm_last_pg lies behind two MDB_db
    data.seekp(meta * 4096 + 16 + 24 + 2 * 48);
    data.write(reinterpret_cast<const char*>(&last_page), sizeof last_page);
  }
  data.close();
  std::filesystem::resize_file(state / "data.mdb", std::uint64_t{2} << 30);
  try {
    static_cast<void>(run());
    FAIL("it was opened");
  } catch (const pawl::error& failure) {
    CHECK(failure.code() == pawl::errc::damaged);
    CHECK_THAT(failure.what(), Contains("most of it is missing"));
  }
  CHECK_THAT(run_tool({"ls", state}).err, Contains("most of it is missing"));
}
