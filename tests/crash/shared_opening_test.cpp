// Who may share a state, and what of a run is there as it is alone.
#include <pawl/pawl.hpp>

#include "crash/shared_scene.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/error_of.hpp"

#include <array>
#include <atomic>
#include <filesystem>

using namespace pawl::test;

namespace {

struct order {
  std::uint64_t id = 0;
  std::string text;
};

}  // namespace

TEST_CASE("whatever the order, and however often the sources give an item, nobody waits for what is done") {
  for (int round = 0; round < 6; ++round) {
    const scene here;
    std::array<std::unique_ptr<process>, 4> all;
    for (auto& one : all) one = here.start(0, 250, {"2", "quick", "shuffled"});
    for (auto& one : all) CHECK(one->wait() == 0);
    for (auto& one : all) CHECK(one->said == "items 250 done 250 failed 0 duplicates 250\n");
    const verdict found = judge(here);
    CAPTURE(found.wrong);
    CHECK(found.wrong.empty());
    CHECK(found.begun == 750);
  }
}

TEST_CASE("items that wait for their next attempt hold up no others") {
  const temp_dir dir;
  auto options = shared_by(2);
  std::atomic<int> failures = 0;
  std::atomic<int> others = 0;
  std::atomic<int> others_before = 0;
  const auto chain = pawl::workflow<"waits">(pawl::step<"try">([&](std::uint64_t item, pawl::context& ctx) {
                                               if (item >= 8) {
                                                 ++others;
                                               } else if (ctx.attempt() == 1) {
                                                 ++failures;
                                                 throw std::runtime_error("not yet");
                                               } else if (item == 0) {
                                                 others_before = others.load();
                                               }
                                             }).retry({.attempts = 2, .first_delay = std::chrono::seconds(3), .jitter = 0}));
  std::vector<std::uint64_t> items(500);
  for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
  pawl::engine engine(dir / "state", options);
  CHECK(engine.run(chain, items).done == 500);
  CHECK(failures == 8);
  CHECK(others_before >= 100);  // all of them, where the machine is not busy
}

TEST_CASE("large inputs that two processes record at once do not stay in two files each") {
  const temp_dir dir;
  const auto run = [&] {
    auto options = shared_by(1);
    pawl::engine engine(dir / "state", options);
    const auto chain = pawl::workflow<"large">(pawl::step<"first">([](const order&) {}), pawl::step<"second">([] {}))
                           .key(&order::id);
    std::vector<order> items;
    for (std::uint64_t i = 0; i < 40; ++i) items.push_back({i, std::string(300'000, 'x')});
    return engine.run(chain, items).done == 40 ? 0 : 1;
  };
  pawl::test::child_process one([&](int) { return run(); });
  pawl::test::child_process other([&](int) { return run(); });
  CHECK(one.wait() == 0);
  CHECK(other.wait() == 0);
  const auto files = std::filesystem::directory_iterator(dir / "state/blobs");
  // Done items have no input any more. (Some may wait for the next opening: the other one may still have seen them.)
  CHECK(std::distance(begin(files), end(files)) < 10);
}

TEST_CASE("another chain of a workflow that is being run is refused, and names the process that runs it") {
  const scene here;
  const auto first = here.start(0, 20, {"1", "hold=7"});
  REQUIRE(here.wait_for('H', 7));
  const auto other = here.start(0, 20, {"1", "longer"});
  CHECK(other->wait() == 3);
  CHECK(other->said.find("lmdb: process " + std::to_string(first->pid()) + ", which shares ") == 0);
  CHECK(other->said.find("another chain") != std::string::npos);
  here.kill(*first);
  const auto again = here.start(0, 20, {"1", "longer"});
  CHECK(again->wait() == 0);
}

TEST_CASE("shared and alone exclude each other, and the sentence names the process") {
  const scene here;
  {
    const auto first = here.start(0, 20, {"1", "hold=7"});
    REQUIRE(here.wait_for('H', 7));
    const std::string refused = error_of([&] { pawl::engine alone(here.state(), quiet()); }).what();
    CHECK(refused.find("process " + std::to_string(first->pid()) + ", which shares it with others") != std::string::npos);
    const said retried = run_tool({"retry", here.state(), "--workflow", "shared", "--all"});
    CHECK(retried.code != 0);
    CHECK(run_tool({"compact", here.state()}).code != 0);
    CHECK(run_tool({"status", here.state()}).code == 0);
    here.kill(*first);
  }
  {
    pawl::engine alone(here.state(), quiet());
    const auto refused = here.start(0, 20);
    CHECK(refused->wait() == 3);
    CHECK(refused->said.find("process " + std::to_string(::getpid()) + ", which has it alone") != std::string::npos);
  }
  const auto last = here.start(0, 20);  // and what the first left is done
  CHECK(last->wait() == 0);
  CHECK(last->said == "items 20 done 20 failed 0 duplicates 0\n");
  CHECK(judge(here).wrong.empty());
}

TEST_CASE("a state whose journal is not folded in is opened alone before it can be shared") {
  const scene here;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    pawl::engine alone(here.state(), quiet());
    const auto chain = pawl::workflow<"mine">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
    std::vector<std::uint64_t> items(100);
    for (std::size_t i = 0; i < items.size(); ++i) items[i] = i;
    static_cast<void>(alone.run(chain, items));
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  const auto refused = here.start(0, 20);
  CHECK(refused->wait() == 3);
  CHECK(refused->said.find("open it once alone") != std::string::npos);
  { const pawl::engine alone(here.state(), quiet()); }
  const auto shared = here.start(0, 20);
  CHECK(shared->wait() == 0);
  pawl::engine alone(here.state(), quiet());  // and back
  const auto chain = pawl::workflow<"mine">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
  CHECK(alone.run(chain, std::vector<std::uint64_t>{1, 2, 1000}).settled_before == 2);
}

TEST_CASE("a process that is stopped while it opens the state is found and evicted") {
  const scene here;
  { pawl::engine made(here.state(), shared_by(1)); }
  // As far as an opening comes before its seat: the first byte of `owner`, for reading.
  pawl::test::child_process joining([&](int to_parent) {
    const int fd = ::open((here.state() + "/owner").c_str(), O_RDWR);
    struct flock first {};
    first.l_type = F_RDLCK;
    first.l_whence = SEEK_SET;
    first.l_len = 1;
    if (::fcntl(fd, F_SETLK, &first) != 0 || ::write(to_parent, "there\n", 6) != 6) return 1;
    for (;;) ::pause();
  });
  REQUIRE(joining.line() == "there");
  const auto other = here.start(0, 8, {"1", "hold=3"});
  REQUIRE(here.wait_for('H', 3));
  const said evicted = run_tool({"evict", std::to_string(joining.pid()), here.state()});
  CAPTURE(evicted.out, evicted.err);
  CHECK(evicted.code == 0);
  CHECK(joining.wait() == -SIGKILL);
}

TEST_CASE("what several processes cannot agree on is refused with a sentence") {
  const temp_dir dir;
  auto options = shared_by(1);
  const auto refusal = [](auto&& call) {
    const pawl::error refused = error_of(call);
    CHECK(refused.code() == pawl::errc::bad_argument);
    return std::string(refused.what());
  };
  {
    auto other = options;
    other.durability = pawl::durability::process;
    CHECK(refusal([&] { pawl::engine engine(dir / "state", other); }).find("no journal") !=
          std::string::npos);
    other = options;
    other.threads = pawl::threads::none;
    CHECK(refusal([&] { pawl::engine engine(dir / "state", other); }).find("threads") !=
          std::string::npos);
  }
  pawl::engine engine(dir / "state", options);
  const std::vector<std::uint64_t> items{1, 2, 3};
  const auto child = pawl::workflow<"child">(pawl::step<"one">([](const std::uint64_t& number) { return number; }));
  const auto parent = pawl::workflow<"parent">(
      pawl::each<"all">([](const std::uint64_t& number) { return std::vector<std::uint64_t>{number}; }, child));
  CHECK(refusal([&] { static_cast<void>(engine.run(parent, items)); }).find("step 'all', which makes children") !=
        std::string::npos);
  const auto plain = pawl::workflow<"plain">(pawl::step<"first">([](const std::uint64_t& number) { return number; }));
  CHECK(refusal([&] { static_cast<void>(engine.submit(plain, std::uint64_t{1})); }).find("sources of runs") != std::string::npos);
  CHECK(refusal([&] { static_cast<void>(engine.retry("plain")); }).find("need the state alone") != std::string::npos);
  CHECK(engine.run(plain, items).done == 3);
  CHECK(engine.run(plain, items).settled_before == 3);
  CHECK(engine.resume(plain).items == 0);
}

TEST_CASE("failures, retries, skips and changed inputs are as they are alone") {
  const temp_dir dir;
  auto options = shared_by(3);
  const auto chain = pawl::workflow<"orders">(
                         pawl::pure<"read">([](const order& one) { return one.text; }),
                         pawl::step<"check">(
                             [](const std::string& text) -> pawl::outcome<std::string> {
                               if (text == "bad") throw std::runtime_error("it is bad");
                               if (text == "skip") return pawl::skip("not wanted");
                               return text + "!";
                             }))
                         .key(&order::id);
  std::vector<order> items;
  for (std::uint64_t i = 0; i < 500; ++i) items.push_back({i, i % 50 == 3 ? "bad" : i % 50 == 4 ? "skip" : "good"});
  items.push_back({5, "good"});
  {
    pawl::engine engine(dir / "state", options);
    const pawl::report first = engine.run(chain, items);
    CHECK(first.items == 500);
    CHECK(first.done == 480);
    CHECK(first.failed == 10);
    CHECK(first.skipped == 10);
    CHECK(first.duplicates == 1);
    items[3].text = "mended";
    items[10].text = "changed";
    const pawl::report second = engine.run(chain, items);
    CHECK(second.done == 481);
    CHECK(second.failed == 9);
    CHECK(second.changed_inputs == 2);
    CHECK(engine.result(chain, std::uint64_t{10}) == "changed!");
    CHECK(engine.resume(chain).failed == 9);
  }
  CHECK(run_tool({"verify", dir / "state"}).code == 0);
}
