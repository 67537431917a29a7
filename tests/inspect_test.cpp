// A state looked at from outside, without the C++ types of its workflows.
#include <pawl/inspect.hpp>

#include "support/catch.hpp"
#include "support/looked_at.hpp"
#include "support/temp_dir.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <set>
#include <thread>

using namespace std::chrono_literals;
using pawl::item_state;
using pawl::state_view;
using pawl::test::damage_row;
using pawl::test::make_shop;
using pawl::test::quiet;
using pawl::test::shop;
using pawl::test::temp_dir;

namespace {

std::vector<std::string> keys_of(const pawl::item_page& page) {
  std::vector<std::string> keys;
  for (const pawl::item_view& item : page.items) keys.push_back(item.key.to_string());
  return keys;
}

std::vector<std::string> all_keys(const state_view& state, pawl::item_query query) {
  std::vector<std::string> keys;
  do {
    const pawl::item_page page = state.items(query);
    CHECK(page.items.size() + page.damaged.size() <= query.limit);
    const auto found = keys_of(page);
    keys.insert(keys.end(), found.begin(), found.end());
    query.after = page.next;
  } while (!query.after.empty());
  return keys;
}

template <class Call>
pawl::errc code_of(Call&& call) {
  try {
    call();
  } catch (const pawl::error& failure) {
    return failure.code();
  }
  return pawl::errc{};
}

const std::vector<std::string> mixed = {"a", "bad 1", "b", "no 1", "c", "bad 2", "a"};

}  // namespace

TEST_CASE("a view counts items by state and by completed step") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const state_view state(dir / "s");
  const auto workflows = state.workflows();
  REQUIRE(workflows.size() == 1);
  const pawl::workflow_view& one = workflows[0];
  CHECK(one.name == "shop");
  CHECK(one.items() == 6);
  CHECK(one.count(item_state::done) == 3);
  CHECK(one.count(item_state::failed) == 2);
  CHECK(one.count(item_state::skipped) == 1);
  CHECK(one.count(item_state::pending) == 0);
  REQUIRE(one.steps.size() == 3);
  CHECK(one.steps[0].name == "read");
  CHECK(one.steps[0].completed == 6);
  CHECK(one.steps[1].kind == pawl::step_kind::pure);
  CHECK(one.steps[1].completed == 3);
  CHECK(one.steps[2].completed == 3);
}

TEST_CASE("an empty state has no workflows, no items and no plans") {
  const temp_dir dir;
  { const pawl::engine engine(dir / "s", quiet()); }
  const state_view state(dir / "s");
  CHECK(state.workflows().empty());
  CHECK(state.items().items.empty());
  CHECK(state.items().next.empty());
  CHECK(state.plans().empty());
}

TEST_CASE("pages of any size give every item once, in the order of admission") {
  const temp_dir dir;
  std::vector<std::string> keys;
  for (int i = 0; i < 50; ++i) keys.push_back((i % 5 == 0 ? "bad " : "k") + std::to_string(i));
  make_shop(dir / "s", keys);
  const state_view state(dir / "s");
  for (const std::size_t limit : {1U, 7U, 10U, 49U, 50U, 51U, 1000U}) {
    CHECK(all_keys(state, {.limit = limit}) == keys);
    CHECK(all_keys(state, {.workflow = "shop", .limit = limit}) == keys);
    CHECK(all_keys(state, {.state = item_state::failed, .limit = limit}).size() == 10);
    CHECK(all_keys(state, {.state = item_state::done, .key_prefix = "k1", .limit = limit}).size() == 9);
  }
  CHECK(state.items({.limit = 50}).next.empty());
  CHECK_FALSE(state.items({.limit = 49}).next.empty());
  CHECK(state.items({.state = item_state::failed, .limit = 10}).next.empty());
}

TEST_CASE("items of several workflows come one workflow after the other") {
  const temp_dir dir;
  const auto squares = pawl::workflow<"squares">(pawl::pure<"square">([](const std::int64_t& n) { return n * n; }));
  {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(squares, std::vector<std::int64_t>{-3, 12, 123}));
    static_cast<void>(engine.run(shop(), std::vector<std::string>{"12", "x"}));
  }
  const state_view state(dir / "s");
  CHECK(all_keys(state, {.limit = 2}) == std::vector<std::string>{"-3", "12", "123", "12", "x"});
  CHECK(all_keys(state, {.workflow = "shop", .limit = 1}) == std::vector<std::string>{"12", "x"});
  CHECK(all_keys(state, {.key_prefix = "12", .limit = 1}) == std::vector<std::string>{"12", "123", "12"});
  CHECK(all_keys(state, {.workflow = "squares", .key_prefix = "-"}) == std::vector<std::string>{"-3"});

  CHECK(state.item("squares", 12)->result->json == "144");
  CHECK(state.item("squares", -3)->result->json == "9");
  CHECK_FALSE(state.item("squares", "12"));
  CHECK(state.item("shop", "12"));
  CHECK_FALSE(state.item("shop", 12U));
}

TEST_CASE("more rows than one snapshot covers are all found, by state and prefix too") {
  const temp_dir dir;
  int next = 0;
  const auto count = pawl::workflow<"count">(pawl::pure<"same">([](const std::uint64_t& n) { return n; }));
  {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(count, pawl::generate([&]() -> std::optional<std::uint64_t> {
                                   if (next == 30'000) return std::nullopt;
                                   return static_cast<std::uint64_t>(next++);
                                 })));
  }
  const state_view state(dir / "s");
  CHECK(all_keys(state, {.limit = 20'000}).size() == 30'000);
  CHECK(all_keys(state, {.key_prefix = "29999"}) == std::vector<std::string>{"29999"});
  CHECK(all_keys(state, {.state = item_state::pending}).empty());
  CHECK(all_keys(state, {.state = item_state::done, .key_prefix = "2999", .limit = 3}).size() == 11);
}

TEST_CASE("one item tells its steps, error and values") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const state_view state(dir / "s");

  const auto done = state.item("shop", "b");
  REQUIRE(done);
  CHECK(done->state == item_state::done);
  CHECK(done->at_step().empty());
  REQUIRE(done->steps.size() == 3);
  for (const auto& step : done->steps) {
    CHECK(step.completed);
    REQUIRE(step.run);
    CHECK(step.run->attempts == 1);
    CHECK(std::chrono::system_clock::now() - step.run->ended < 1h);
  }
  REQUIRE(done->result);
  CHECK(done->result->step == "write");
  CHECK(done->result->json == "1");
  CHECK(done->result->schema == "u64");
  REQUIRE(done->kept.size() == 1);
  CHECK(done->kept[0].step == "read");
  CHECK(done->kept[0].json == R"({"url":"b","sizes":[1,2]})");

  const auto failed = state.item("shop", "bad 2");
  REQUIRE(failed);
  CHECK(failed->state == item_state::failed);
  CHECK(failed->at_step() == "check");
  CHECK(failed->error.find("cannot check bad 2") != std::string::npos);
  CHECK(failed->steps[0].completed);
  CHECK_FALSE(failed->steps[1].completed);
  CHECK(failed->steps[1].run);
  CHECK_FALSE(failed->steps[2].run);
  REQUIRE(failed->result);
  CHECK(failed->result->step == "read");

  const auto skipped = state.item("shop", "no 1");
  REQUIRE(skipped);
  CHECK(skipped->state == item_state::skipped);
  CHECK(skipped->error == "not wanted: no 1");
  CHECK_FALSE(state.item("shop", "never seen"));
}

TEST_CASE("a page has values where they are asked for, and long ones are named instead of read") {
  const temp_dir dir;
  const auto blow =
      pawl::workflow<"blow">(pawl::pure<"up">([](const std::uint32_t& size) { return std::string(size, 'x'); }));
  {
    pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.run(blow, std::vector<std::uint32_t>{3, 10'000, 1'000'000}));
  }
  const state_view state(dir / "s");
  CHECK_FALSE(state.items().items[0].result);
  const auto items = state.items({.values = true, .value_size_max = 20'000}).items;
  REQUIRE(items.size() == 3);
  CHECK(items[0].result->json == R"("xxx")");
  CHECK(items[1].result->json.size() == 10'002);
  CHECK(items[2].result->json.empty());
  CHECK(items[2].result->size > 1'000'000);
  CHECK(items[2].result->problem.find("more than the 20000") != std::string::npos);
  CHECK(state.item("blow", 1'000'000)->result->json.size() == 1'000'002);
}

TEST_CASE("a page of long keys ends early and says where to go on") {
  const temp_dir dir;
  std::vector<std::string> keys;
  for (int i = 0; i < 200; ++i) keys.push_back(std::to_string(i) + std::string(60'000, 'k'));
  make_shop(dir / "s", keys);
  const state_view state(dir / "s");
  const auto first = state.items({.limit = 200});
  CHECK(first.items.size() < 100);
  CHECK_FALSE(first.next.empty());
  CHECK(all_keys(state, {.limit = 200}) == keys);
}

TEST_CASE("keys of any bytes come back as they are") {
  const temp_dir dir;
  const std::vector<std::string> keys = {"",        std::string("\0", 1), "line\nbreak", "\xff\xfe",
                                         "\x1b[2J", "\xe2\x80\xae"};
  make_shop(dir / "s", keys);
  const state_view state(dir / "s");
  CHECK(all_keys(state, {}) == keys);
  for (const std::string& key : keys) CHECK(state.item("shop", key));
}

TEST_CASE("a damaged row is named and the others are listed") {
  const temp_dir dir;
  const std::vector<std::string> keys = {"a", "bad 1", "b", "bad 2", "c", "bad 3"};
  for (const std::uint64_t hit : {0U, 2U, 5U}) {
    const auto place = dir / std::to_string(hit);
    make_shop(place, keys);
    damage_row(place, 1, hit);
    const state_view state(place);
    for (const std::size_t limit : {1U, 3U, 100U}) {
      std::vector<std::string> seen;
      std::vector<std::uint64_t> damaged;
      pawl::item_query query{.limit = limit};
      do {
        const auto page = state.items(query);
        for (const auto& item : page.items) seen.push_back(item.key.to_string());
        for (const auto& one : page.damaged) {
          damaged.push_back(one.id);
          CHECK(one.workflow == "shop");
          CHECK_FALSE(one.sentence.empty());
        }
        query.after = page.next;
      } while (!query.after.empty());
      auto expected = keys;
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(hit));
      CHECK(seen == expected);
      CHECK(damaged == std::vector{hit});
    }
    CHECK(code_of([&] { static_cast<void>(state.item("shop", keys[hit])); }) == pawl::errc::damaged);
    CHECK(state.item("shop", keys[(hit + 1) % keys.size()]));
    CHECK(state.workflows()[0].items() == 6);
    CHECK(state.items({.state = item_state::failed}).items.size() == (hit == 5 ? 2 : 3));
  }
}

TEST_CASE("what is no state is refused with a reason") {
  const temp_dir dir;
  const auto refused = [](const std::filesystem::path& path) { return code_of([&] { const state_view state(path); }); };
  CHECK(refused(dir / "missing") == pawl::errc::not_a_state);
  CHECK(refused(dir / "missing" / "deeper") == pawl::errc::not_a_state);
  std::filesystem::create_directory(dir / "empty");
  CHECK(refused(dir / "empty") == pawl::errc::not_a_state);
  std::filesystem::create_directory(dir / "foreign");
  std::ofstream(dir / "foreign" / "notes.txt") << "mine";
  CHECK(refused(dir / "foreign") == pawl::errc::not_a_state);
  CHECK(refused(dir / "foreign" / "notes.txt") == pawl::errc::not_a_state);
  CHECK_FALSE(std::filesystem::exists(dir / "missing"));
  CHECK(std::filesystem::is_empty(dir / "empty"));
}

TEST_CASE("what is asked for wrongly is said") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const state_view state(dir / "s");
  CHECK(code_of([&] { static_cast<void>(state.items({.workflow = "shopp"})); }) == pawl::errc::not_found);
  CHECK(code_of([&] { static_cast<void>(state.item("shopp", "a")); }) == pawl::errc::not_found);
  CHECK(code_of([&] { static_cast<void>(state.items({.limit = 0})); }) == pawl::errc::bad_argument);
  for (const char* const place : {"x", "1", "1.", ".1", "1.2.3", "99999.0", "0.99999999999999999999", "-1.0"})
    CHECK(code_of([&] { static_cast<void>(state.items({.after = place})); }) == pawl::errc::bad_argument);
  CHECK(state.items({.after = "65535.0"}).items.empty());
  CHECK(state.items({.after = "1.18446744073709551615"}).items.empty());
}

TEST_CASE("looking changes no byte of the data and no name in the directory") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  const auto content = [&] {
    std::ifstream in(dir / "s" / "data.mdb", std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  const auto names = [&] {
    std::set<std::string> all;
    for (const auto& one : std::filesystem::recursive_directory_iterator(dir / "s")) all.insert(one.path());
    return all;
  };
  const auto bytes = content();
  const auto before = names();
  {
    const state_view state(dir / "s");
    static_cast<void>(state.items({.values = true}));
    static_cast<void>(state.plans());
  }
  CHECK(content() == bytes);
  CHECK(names() == before);
}

TEST_CASE("a view beside a running engine of the same process sees it move") {
  const temp_dir dir;
  pawl::engine engine(dir / "s", quiet(2));
  const auto slow = pawl::workflow<"slow">(pawl::step<"wait">([](const std::int64_t& n) {
    std::this_thread::sleep_for(1ms);
    return n;
  }));
  std::vector<std::int64_t> numbers(200);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::int64_t>(i);
  std::atomic<bool> ended = false;
  std::atomic<int> looks = 0;
  std::atomic<int> wrong = 0;  // assertions belong to the main thread
  std::thread looking([&] {
    try {
      const state_view state(dir / "s");
      std::uint64_t least = 0;
      for (; !ended; ++looks) {
        for (const auto& one : state.workflows()) {
          if (one.count(item_state::done) < least) ++wrong;
          least = one.count(item_state::done);
        }
        for (const auto& item : state.items({.limit = 50, .values = true}).items)
          if (item.result && item.result->json != item.key.to_string()) ++wrong;
      }
    } catch (...) {
      ++wrong;
    }
  });
  static_cast<void>(engine.run(slow, numbers));
  ended = true;
  looking.join();
  CHECK(looks > 0);
  CHECK(wrong == 0);
  CHECK(state_view(dir / "s").workflows()[0].count(item_state::done) == 200);
}

TEST_CASE("a state that another process writes, and one whose process was killed, can be looked at") {
  const temp_dir dir;
  const pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    try {
      pawl::engine engine(dir / "s", quiet(1));
      const auto endless = pawl::workflow<"endless">(pawl::step<"wait">([](const std::uint64_t& n) {
        std::this_thread::sleep_for(200us);
        return n;
      }));
      std::uint64_t next = 0;
      static_cast<void>(engine.run(endless, pawl::generate([&]() -> std::optional<std::uint64_t> { return next++; })));
    } catch (...) {
    }
    ::_exit(1);
  }
  const auto done = [&]() -> std::uint64_t {
    const auto workflows = state_view(dir / "s").workflows();
    return workflows.empty() ? 0 : workflows[0].count(item_state::done);
  };
  const auto patience = std::chrono::steady_clock::now() + 60s;
  const auto wait_for = [&](std::uint64_t count) {
    while (std::chrono::steady_clock::now() < patience) {
      try {
        if (done() >= count) return true;
      } catch (const pawl::error& failure) {
        if (failure.code() != pawl::errc::not_a_state) throw;  // not made yet
      }
      std::this_thread::sleep_for(5ms);
    }
    return false;
  };
  CHECK(wait_for(20));
  const std::uint64_t before = done();
  CHECK(wait_for(before + 20));
  CHECK(state_view(dir / "s").items({.state = item_state::done, .limit = 10, .values = true}).items.size() == 10);
  ::kill(child, SIGKILL);
  REQUIRE(::waitpid(child, nullptr, 0) == child);

  const state_view state(dir / "s");
  const auto counts = state.workflows()[0];
  CHECK(counts.count(item_state::done) >= before);
  CHECK(all_keys(state, {.limit = 100}).size() == counts.items());
}

TEST_CASE("a plan that engine::plan left is found, and a file that is none is refused") {
  const temp_dir dir;
  make_shop(dir / "s", mixed);
  {
    const pawl::engine engine(dir / "s", quiet());
    static_cast<void>(engine.plan(shop()));
  }
  const auto plans = state_view(dir / "s").plans();
  REQUIRE(plans.size() == 1);
  CHECK(plans[0].find(R"("workflow":"shop")") != std::string::npos);

  std::filesystem::remove(dir / "s" / "plan.json");
  std::filesystem::create_symlink("/etc/passwd", dir / "s" / "plan.json");
  CHECK(code_of([&] { static_cast<void>(state_view(dir / "s").plans()); }) == pawl::errc::damaged);
  std::filesystem::remove(dir / "s" / "plan.json");
  REQUIRE(::mkfifo((dir / "s" / "plan.json").c_str(), 0600) == 0);
  CHECK(code_of([&] { static_cast<void>(state_view(dir / "s").plans()); }) == pawl::errc::damaged);
}

TEST_CASE("pages of a table are no longer than they should be, whatever its values, and miss nothing") {
  constexpr pawl::table<"long", int, std::string> longs;
  const temp_dir dir;
  {
    pawl::engine engine(dir / "state", quiet());
    const auto chain = pawl::workflow<"fill">(pawl::transactional<"put">(
        [&](int n, pawl::transaction& tx) { tx.put(longs, n, std::string(300'000, 'x')); }));
    std::vector<int> numbers(60);
    for (int n = 0; n < 60; ++n) numbers[static_cast<std::size_t>(n)] = n;
    REQUIRE(engine.run(chain, numbers).done == 60);
  }
  const state_view state(dir / "state");
  std::optional<pawl::any_key> after;
  int seen = 0;
  int pages = 0;
  do {
    const pawl::table_page page = state.entries("long", after);
    std::size_t bytes = 0;
    for (const pawl::table_row& row : page.rows) {
      CHECK(row.key.to_string() == std::to_string(seen++));
      CHECK(row.json.size() == 300'002);
      bytes += row.json.size();
    }
    CHECK(bytes < (std::size_t{4} << 20) + 300'002);
    ++pages;
    after = page.next;
  } while (after);
  CHECK(seen == 60);
  CHECK(pages == 5);
}

TEST_CASE("the values of one item are shown as far as they are not too much together") {
  const temp_dir dir;
  const std::string text(std::size_t{10} << 20, '\x01');  // six characters each in JSON
  {
    pawl::engine engine(dir / "state", quiet());
    const auto chain = pawl::workflow<"much">(
        pawl::step<"a">([&](int) { return text; }).keep(), pawl::step<"b">([&](const std::string&) { return text; }).keep(),
        pawl::step<"c">([&](const std::string&) { return text; }).keep(),
        pawl::step<"d">([&](const std::string&) { return text; }).keep(),
        pawl::step<"e">([&](const std::string&) { return text; }).keep(), pawl::step<"f">([](const std::string&) { return 1; }));
    REQUIRE(engine.run(chain, std::vector<int>{1}).done == 1);
  }
  const auto items = state_view(dir / "state").items({.values = true}).items;
  REQUIRE(items.size() == 1);
  REQUIRE(items[0].kept.size() == 5);
  std::size_t bytes = 0;
  int told = 0;
  for (const pawl::value_view& value : items[0].kept) {
    bytes += value.json.size();
    CHECK_FALSE(value.damaged);
    told += value.json.empty() && !value.problem.empty() ? 1 : 0;
  }
  CHECK(told == 1);
  CHECK(bytes > 4 * 6 * text.size());
  CHECK(bytes <= std::size_t{256} << 20);
}
