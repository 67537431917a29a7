// What a process has begun goes on in another one, when it dies or leaves it.
#include <pawl/pawl.hpp>

#include "crash/shared_scene.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"

#include <sys/syscall.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <functional>
#include <regex>

using namespace pawl::test;

namespace {

struct simulation {
  std::uint64_t number = 0;
  std::uint64_t round = 0;
};

struct order {
  std::uint64_t id = 0;
  std::string text;
};

std::atomic<bool> disk_fails{false};

}  // namespace

// LMDB's, too: this program stands in for the C library.
extern "C" int fdatasync(int fd) {
  if (!disk_fails) return static_cast<int>(::syscall(SYS_fdatasync, fd));
  errno = EIO;
  return -1;
}

TEST_CASE("a loop goes on in another process where it was, whether its process died or has only stopped its run") {
  const bool dies = GENERATE(true, false);
  CAPTURE(dies);
  const temp_dir dir;
  std::function<void(const simulation&)> look;
  const auto chain = pawl::workflow<"simulations">(
      pawl::pure<"make">([](std::uint64_t number) { return simulation{number, 0}; }),
      pawl::loop<"simulate">(
          [&](simulation& state) {
            look(state);
            std::this_thread::sleep_for(2ms);
            return ++state.round == 100 ? pawl::round::done : pawl::round::again;
          },
          {.every_rounds = 5}),
      pawl::step<"end">([](const simulation& state) { return state.round; }));
  const std::vector<std::uint64_t> items{7};
  pawl::test::child_process other([&](int to_parent) {
    pawl::engine engine(dir / "state", shared_by(1));
    look = [&](const simulation& state) {
      if (state.round == 1 && ::write(to_parent, "go\n", 3) != 3) std::abort();
      if (state.round != 48) return;
      if (dies) ::kill(::getpid(), SIGKILL);
      engine.stop();
    };
    if (!engine.run(chain, items).stopped) return 1;
    look = [](const simulation&) {};
    // It lives on, and has other loops.
    std::vector<std::uint64_t> more(20);
    for (std::size_t i = 0; i < more.size(); ++i) more[i] = 100 + i;
    return engine.run(chain, more).done == 20 ? 0 : 2;
  });
  REQUIRE(other.line() == "go");
  std::vector<std::uint64_t> rounds;
  look = [&](const simulation& state) { rounds.push_back(state.round); };
  pawl::engine engine(dir / "state", shared_by(1));
  CHECK(engine.run(chain, items).done == 1);
  REQUIRE_FALSE(rounds.empty());
  CHECK(rounds.front() == (dies ? 45 : 49));  // a stop makes a checkpoint
  CHECK(rounds.back() == 99);
  CHECK(engine.result(chain, std::uint64_t{7}) == 100);
  CHECK(other.wait() == (dies ? -SIGKILL : 0));
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
}

TEST_CASE("a dead process's item goes on in another one within a second, at the step that it had reached") {
  for (const std::string how : {"hold=7", "system=7"}) {  // a child of system() does not keep the dead alive
    CAPTURE(how);
    const scene here;
    const auto first = here.start(0, 20, {"1", how});
    REQUIRE(here.wait_for('H', 7));
    const auto second = here.start(0, 20, {"1"});
    REQUIRE(here.wait_for('E', 19));
    CHECK_FALSE(second->ended());  // item 7 has not ended
    here.kill(*first);
    const auto killed = clock_type::now();
    CHECK(second->wait() == 0);
    const double took = std::chrono::duration<double>(clock_type::now() - killed).count();
    std::printf("shared: taken over and done %.2f s after the death (%s)\n", took, how.c_str());
    CHECK(took < 30);  // the child of system() lives for a minute
    CHECK(second->said == "items 20 done 20 failed 0 duplicates 0\n");
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    CHECK(found.wrong.empty());
    CHECK(found.repeated == 1);  // the step that it was in
    std::vector<int> steps_of_second;
    for (const scene::line& one : here.lines())
      if (one.what == 'S' && one.item == 7 && one.pid == second->pid()) steps_of_second.push_back(one.step);
    CHECK(steps_of_second == std::vector<int>{1, 2});  // not the first one
  }
  static_cast<void>(std::system("pkill -f '^sleep 60$' 2>/dev/null"));
}

TEST_CASE("an item that the source gives while what a dead process left of it waits in a batch: the batch is called") {
  const temp_dir dir;
  bool dies = true;
  const auto chain = pawl::workflow<"batched">(
      pawl::step<"one">([&](std::uint64_t item) {
        if (dies) ::kill(::getpid(), SIGKILL);
        return item;
      }),
      pawl::batch<"write">([](pawl::batch_view<std::uint64_t>) {}, {.max_items = 100, .max_delay = 60s}));
  const std::vector<std::uint64_t> items{1};
  pawl::test::child_process child([&](int) {
    pawl::engine engine(dir / "state", shared_by(1));
    static_cast<void>(engine.run(chain, items));
    return 0;
  });
  REQUIRE(child.wait() == -SIGKILL);
  dies = false;
  pawl::engine engine(dir / "state", shared_by(2));
  const auto began = clock_type::now();
  const pawl::report made = engine.run(chain, items);
  CHECK(made.done == 1);
  CHECK(made.taken_over == 1);
  CHECK(clock_type::now() - began < 30s);
}

TEST_CASE("top shows what the workers of each process are doing, and of a dead one what it was in") {
  const scene here;
  const auto first = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const auto second = here.start(100, 108, {"1", "hold=105"});
  REQUIRE(here.wait_for('H', 105));
  const auto row = [](const process& of, int item, bool alive) {
    return "\\{\"pid\":" + std::to_string(of.pid()) + ",\"alive\":" + (alive ? "true" : "false") +
           ",\"workers\":\\[\\{\"worker\":0,\"thread\":[0-9]+,\"workflow\":\"shared\",\"step\":\"second\",\"key\":" +
           std::to_string(item) + ",";
  };
  const auto shows = [&](const std::string& pattern) {
    const said top = run_tool({"top", here.state(), "--once", "--json"});
    CAPTURE(top.out, pattern);
    CHECK(top.code == 0);
    CHECK(std::regex_search(top.out, std::regex(pattern)));
  };
  shows(row(*first, 3, true));
  shows(row(*second, 105, true));
  second->signal(SIGSTOP);  // so that it does not take over
  here.kill(*first);
  shows(row(*first, 3, false));
}

TEST_CASE("what a dead process had and no source of a living one gives is done by the living, too") {
  const scene here;
  const auto first = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const auto second = here.start(100, 101, {"1", "hold=100"});
  REQUIRE(here.wait_for('H', 100));
  const auto third = here.start(101, 1500, {"2"});
  REQUIRE(here.wait_for('E', 110));
  here.kill(*first);
  CHECK(here.wait_for('E', 3));
  here.kill(*second);
  CHECK(third->wait() == 0);
}

TEST_CASE("a run that is stopped records what it has completed, and leaves its items to others") {
  const temp_dir dir;
  auto options = shared_by(1);
  std::atomic<int> first = 0;
  std::atomic<int> second = 0;
  pawl::engine* to_stop = nullptr;
  const auto chain = pawl::workflow<"stopped">(pawl::pure<"first">([&](std::uint64_t item) {
                                                 ++first;
                                                 if (to_stop != nullptr) to_stop->stop();
                                                 return item;
                                               }),
                                               // It need not wait for the record of the first, which is on its way then.
                                               pawl::pure<"middle">([](std::uint64_t item) { return item; }),
                                               pawl::step<"second">([&](std::uint64_t) { ++second; }));
  pawl::engine engine(dir / "state", options);
  to_stop = &engine;
  const pawl::report stopped = engine.run(chain, std::vector<std::uint64_t>{7});
  CHECK(stopped.items == 1);
  CHECK(stopped.in_progress == 1);
  to_stop = nullptr;
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
  CHECK(engine.run(chain, std::vector<std::uint64_t>{7}).done == 1);
  CHECK(first == 1);
  CHECK(second == 1);
}

TEST_CASE("what a dead process left behind is finished with its own input, and done again where the source gives another") {
  const temp_dir dir;
  auto options = shared_by(1);
  std::vector<std::string> said;
  bool dies = true;
  const auto chain = pawl::workflow<"orders">(pawl::step<"check">([](const order& one) { return one.text; }),
                                              pawl::step<"say">([&](const std::string& text) {
                                                if (dies) ::kill(::getpid(), SIGKILL);
                                                said.push_back(text);
                                              }))
                         .key(&order::id);
  const std::uint64_t left = GENERATE(as<std::uint64_t>{}, 1, 2);  // two fill the window of one worker; with one the source gives it meanwhile
  CAPTURE(left);
  pawl::test::child_process child([&](int) {
    pawl::engine engine(dir / "state", options);
    std::vector<order> items;
    for (std::uint64_t id = 1; id <= left; ++id) items.push_back({id, "old"});
    static_cast<void>(engine.run(chain, items));
    return 0;
  });
  REQUIRE(child.wait() == -SIGKILL);
  dies = false;
  pawl::engine engine(dir / "state", options);
  SECTION("the source gives one with another input, and not the other") {
    const pawl::report made = engine.run(chain, std::vector<order>{{1, "new"}, {3, "new"}});
    CHECK(made.items == 2);
    CHECK(made.done == 2);
    CHECK(made.changed_inputs == 1);
    CHECK(made.taken_over == left);
    CHECK(std::count(said.begin(), said.end(), "new") == 2);
    CHECK(std::count(said.begin(), said.end(), "old") == static_cast<std::ptrdiff_t>(left));
  }
  SECTION("they are all that is unfinished") {
    const pawl::report made = engine.resume(chain);
    CHECK(made.items == left);
    CHECK(made.done == left);
    CHECK(said == std::vector<std::string>(left, "old"));
    CHECK(engine.run(chain, std::vector<order>{{left, "old"}}).settled_before == 1);
  }
}

TEST_CASE("while a run whose disk failed still calls a step, its items are nobody else's; then they are, though it stays open") {
  const temp_dir dir;
  const std::string left = dir / "left";
  std::function<void(int)> look;
  const auto chain = pawl::workflow<"slow">(pawl::step<"look">([&](int number) { look(number); }));
  const std::vector<int> items{1, 2};
  pawl::test::child_process other([&](int to_parent) {
    std::atomic<bool> entered{false};
    look = [&](int number) {
      if (number == 2) {
        while (!entered) std::this_thread::sleep_for(1ms);
        disk_fails = true;
        return;
      }
      entered = true;
      say(to_parent, "in");
      std::this_thread::sleep_for(2s);
      std::ofstream(left) << "left";
    };
    pawl::engine engine(dir / "state", shared_by(2));
    try {
      static_cast<void>(engine.run(chain, items));
    } catch (const pawl::error& failure) {
      if (failure.code() != pawl::errc::io) return 2;
      for (;;) ::pause();
    }
    return 1;
  });
  REQUIRE(other.line() == "in");
  std::atomic<int> calls{0};
  std::atomic<int> too_early{0};
  look = [&](int) {
    ++calls;
    if (!std::filesystem::exists(left)) ++too_early;
  };
  pawl::engine engine(dir / "state", shared_by(1));
  CHECK(engine.run(chain, items).done == 2);
  CHECK(calls == 2);
  CHECK(too_early == 0);
  other.kill();
  CHECK(other.wait() == -SIGKILL);
}
