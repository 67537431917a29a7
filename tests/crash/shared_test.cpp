// Several processes on one state, some of which are killed or stopped at random.
#include <pawl/pawl.hpp>

#include "crash/shared_scene.hpp"
#include "lmdb/open.hpp"
#include "support/asked.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace pawl::test;

namespace {

const std::string program_with_bug = PAWL_TEST_BUILD_DIR "/tests/canary/shared_child";
constexpr pawl::table<"last", std::string, std::uint64_t> last_number;
constexpr pawl::table<"numbers", std::uint64_t, std::uint64_t> numbers;

struct round_figures {
  int kills = 0;
  verdict found;
  bool all_well = true;
};

// Four processes over the same items, one of which is killed every 100 ms and started again, until one of them is through.
round_figures run_round(std::uint64_t items, std::mt19937& random, const std::string& which = shared_program,
                        const std::vector<std::string>& words = {}, const scene& here = {}) {
  round_figures made;
  std::array<std::unique_ptr<process>, 4> all;
  for (auto& one : all) one = here.start(0, items, words, which);
  const auto some_ended = [&] { return std::any_of(all.begin(), all.end(), [](auto& one) { return one->ended(); }); };
  for (auto next = clock_type::now() + 100ms; !some_ended(); next += 100ms) {
    std::this_thread::sleep_until(next);
    auto& one = all[random() % all.size()];
    if (one->ended()) break;
    here.kill(*one);
    ++made.kills;
    one = here.start(0, items, words, which);
  }
  for (auto& one : all) made.all_well = one->wait() == 0 && made.all_well;
  for (auto& one : all)
    if (one->code != 0) made.found.wrong = "ended with " + std::to_string(one->code) + ": " + one->said;
  if (!made.all_well) return made;
  made.found = judge(here);
  if (!made.found.wrong.empty()) return made;
  if (made.found.finished.size() != items) made.found.wrong = "the log does not show all items finished";
  if (done_in(here) != items) made.found.wrong = "the state does not have all items done";
  const std::string all_done = "items " + std::to_string(items) + " done " + std::to_string(items) + " failed 0 duplicates 0\n";
  for (auto& one : all)
    if (one->said != all_done) made.found.wrong = "a process reports " + one->said;
  return made;
}

}  // namespace

TEST_CASE("four processes over the same items: each does a part, all are done once, and each reports all") {
  const scene here;
  std::array<std::unique_ptr<process>, 4> all;
  for (auto& one : all) one = here.start(0, 3000);
  for (auto& one : all) CHECK(one->wait() == 0);
  for (auto& one : all) CHECK(one->said == "items 3000 done 3000 failed 0 duplicates 0\n");
  const verdict found = judge(here);
  CHECK(found.wrong.empty());
  CAPTURE(found.wrong);
  CHECK(found.begun == 9000);
  CHECK(found.taken_over == 0);
  CHECK(done_in(here) == 3000);
  std::map<pid_t, int> by;
  for (const scene::line& one : here.lines()) ++by[one.pid];
  CHECK(by.size() == 4);
  const said verified = run_tool({"verify", here.state()});
  CAPTURE(verified.out);
  CHECK(verified.code == 0);
}

TEST_CASE("four processes, one of which is killed every 100 ms: no item in two at once, nothing acknowledged again, all done") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto until = clock_type::now() + std::chrono::seconds(asked_for("PAWL_TEST_SHARED_SECONDS", 5));
  int rounds = 0;
  int kills = 0;
  std::uint64_t begun = 0;
  std::uint64_t repeated = 0;
  std::uint64_t taken_over = 0;
  do {
    const round_figures made = run_round(1500, random);
    CAPTURE(rounds, made.kills, made.found.wrong);
    REQUIRE(made.found.wrong.empty());
    ++rounds;
    kills += made.kills;
    begun += made.found.begun;
    repeated += made.found.repeated;
    taken_over += made.found.taken_over;
  } while (clock_type::now() < until);
  CHECK(kills > 0);
  std::printf("shared: %d kills at 100 ms each in %d runs of 4 processes, %llu steps begun, %llu of them again after a death, "
              "%llu items taken over, 0 bad\n",
              kills, rounds, static_cast<unsigned long long>(begun), static_cast<unsigned long long>(repeated),
              static_cast<unsigned long long>(taken_over));
}

TEST_CASE("an engine that ignores claims is found") {
  std::mt19937 random(1);
  CHECK_FALSE(run_round(1500, random, program_with_bug).found.wrong.empty());
}

TEST_CASE("transactional steps of four processes, killed every 100 ms, are one after the other") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scene here;
  const round_figures made = run_round(1500, random, shared_program, {"counted"}, here);
  CAPTURE(made.kills, made.found.wrong);
  REQUIRE(made.found.wrong.empty());
  CHECK(made.kills > 0);
  pawl::engine alone(here.state(), quiet());
  const pawl::table_view view = alone.view();
  std::set<std::uint64_t> items;
  std::uint64_t last = 0;
  for (const auto& [number, item] : view.scan(numbers)) {
    CHECK(number == ++last);
    items.insert(item);
  }
  CHECK(last == 1500);
  CHECK(items.size() == 1500);
  CHECK(view.get(last_number, "") == 1500);
  CHECK(run_tool({"verify", here.state()}).code == 0);
}

TEST_CASE("loops of four processes, one of which is killed every 100 ms, go on in others from their checkpoints") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const scene here;
  const round_figures made = run_round(1000, random, shared_program, {"looped"}, here);
  CAPTURE(made.kills, made.found.wrong);
  REQUIRE(made.found.wrong.empty());
  CHECK(made.kills > 0);
  const auto lines = here.lines();
  CHECK(std::count_if(lines.begin(), lines.end(), [](const scene::line& one) { return one.what == 'C'; }) > 0);
  CHECK(run_tool({"verify", here.state()}).code == 0);
}

TEST_CASE("a process that is stopped, wherever it is, and evicted: the others go on, nothing is lost, nothing is done twice") {
  const auto seed = asked_seed();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const int evictions = asked_for("PAWL_TEST_EVICTIONS", 4);
  int in_a_commit = 0;
  for (int i = 0; i < evictions; ++i) {
    const scene here;
    std::array<std::unique_ptr<process>, 3> all;
    for (auto& one : all) one = here.start(0, 1200);
    REQUIRE(here.wait_for('E', 100));
    process& stopped = *all[random() % all.size()];
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 50'000));
    if (stopped.ended()) continue;
    stopped.signal(SIGSTOP);
    // A stopped one lives: the others leave its items alone. In the middle of a commit it holds all of them up.
    std::this_thread::sleep_for(300ms);
    const std::size_t before = here.lines().size();
    std::this_thread::sleep_for(700ms);
    if (here.lines().size() == before) ++in_a_commit;
    CHECK(judge(here).wrong.empty());
    here.announce_death(stopped.pid());
    const said evicted = run_tool({"evict", std::to_string(stopped.pid()), here.state()});
    CAPTURE(evicted.out, evicted.err);
    CHECK(evicted.code == 0);
    CHECK(stopped.wait() == -SIGKILL);
    for (auto& one : all)
      if (one.get() != &stopped) CHECK(one->wait() == 0);
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    REQUIRE(found.wrong.empty());
    CHECK(found.finished.size() == 1200);
    CHECK(done_in(here) == 1200);
  }
  std::printf("shared: %d processes stopped and evicted, %d of them in the middle of a commit, 0 bad\n", evictions, in_a_commit);
}

TEST_CASE("a turn of transactional steps that fails at its beginning leaves the lock to others") {
  const temp_dir dir;
  pawl::core::lmdb_options options;
  options.kept = pawl::core::keeping::shared;
  const auto store = pawl::core::open_lmdb(dir / "state", options);
  std::vector<std::unique_ptr<pawl::core::snapshot>> all;
  CHECK_THROWS_AS([&] {
    for (;;) all.push_back(store->read());  // until there is no place for one more
  }(), pawl::error);
  CHECK_THROWS_AS(pawl::core::table_store::turn(*store->tables(), [] { return false; }), pawl::error);
  all.clear();
  pawl::test::child_process other([&](int) {
    const int fd = ::open((dir / "state/tables.lock").c_str(), O_RDWR | O_CLOEXEC);
    struct flock wanted {};
    wanted.l_type = F_WRLCK;
    wanted.l_whence = SEEK_SET;
    wanted.l_len = 1;
    return fd >= 0 && ::fcntl(fd, F_SETLK, &wanted) == 0 ? 0 : 1;
  });
  CHECK(other.wait() == 0);
}

TEST_CASE("where the lock of transactional steps is lost, nothing is lost in silence") {
  const scene here;
  std::array<std::unique_ptr<process>, 3> all;
  for (auto& one : all) one = here.start(0, 3000, {"counted"});
  REQUIRE(here.wait_for('E', 50));
  std::filesystem::remove(std::filesystem::path(here.state()) / "tables.lock");
  all[2]->kill();
  all[2] = here.start(0, 3000, {"counted"});  // has the lock on another file
  for (auto& one : all) {
    const int code = one->wait();
    CAPTURE(one->said);
    CHECK((code == 0 || (code == 3 && one->said.find("`tables.lock` was lost") != std::string::npos)));
  }
  const auto last = here.start(0, 3000, {"counted"});
  CHECK(last->wait() == 0);
  pawl::engine alone(here.state(), quiet());
  CHECK(alone.view().get(last_number, "") == 3000);
}
