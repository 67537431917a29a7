// Transactional steps and their tables: what they see, what a failure leaves, what a reopened state holds.
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/memory_backend.hpp"
#include "support/quiet.hpp"
#include "support/run_over.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <nlohmann/json.hpp>

#include <atomic>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::quiet;
using pawl::test::temp_dir;
using namespace std::chrono_literals;

namespace {

struct account {
  std::int64_t cents = 0;
  std::vector<std::string> notes;
  friend bool operator==(const account&, const account&) = default;
};

constexpr pawl::table<"accounts", std::string, account> accounts;
constexpr pawl::table<"numbers", int, int> numbers;
constexpr pawl::table<"totals", std::string, std::int64_t> totals;

std::vector<int> up_to(int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(i);
  return all;
}

template <class Reader, pawl::detail::fixed_string Name, class K, class V>
std::map<K, V> content(const Reader& reader, const pawl::table<Name, K, V>& table) {
  std::map<K, V> all;
  std::optional<K> before;
  for (auto& [key, value] : reader.scan(table)) {
    if (before) REQUIRE(*before < key);  // ordered
    before = key;
    all.emplace(key, value);
  }
  return all;
}

pawl::errc code_of(const std::function<void()>& call, std::string* sentence = nullptr) {
  try {
    call();
  } catch (const pawl::error& failure) {
    INFO(failure.what());
    CHECK(std::string(failure.what()).size() > 40);
    if (sentence != nullptr) *sentence = failure.what();
    return failure.code();
  }
  FAIL("nothing was thrown");
  return {};
}

// Runs `body` as the one transactional step of one item and gives the report.
template <class Body>
pawl::report run_once(pawl::engine& engine, Body body, int item = 1) {
  return engine.run(pawl::workflow<"once">(pawl::transactional<"it">(body)), std::vector<int>{item});
}

}  // namespace

TEST_CASE("what transactional steps write is there afterwards, once for each item, also after a reopening") {
  const temp_dir dir;
  for (const std::size_t workers : {1u, 2u}) {
    CAPTURE(workers);
    const auto path = dir / ("state" + std::to_string(workers));
    const auto w = pawl::workflow<"w">(
        pawl::pure<"double">([](int n) { return 2 * n; }),
        pawl::transactional<"write">([](const int& n, pawl::item<int> item, pawl::transaction& tx, pawl::context& ctx) {
          CHECK(ctx.key() == std::to_string(*item));
          tx.put(numbers, *item, n);
          tx.put(totals, "sum", tx.get(totals, "sum").value_or(0) + n);
          return n + 1;
        }));
    {
      pawl::engine engine(path, quiet(workers));
      const pawl::report report = engine.run(w, up_to(5000));
      CHECK(report.done == 5000);
      CHECK(engine.result(w, 7) == 15);
    }
    pawl::engine engine(path, quiet(workers));
    const pawl::report again = engine.run(w, up_to(5010));
    CHECK(again.done == 5010);
    CHECK(again.settled_before == 5000);
    const pawl::table_view view = engine.view();
    CHECK(view.get(totals, "sum") == 5010 * 5009);
    const auto all = content(view, numbers);
    REQUIRE(all.size() == 5010);
    for (const auto& [key, value] : all) REQUIRE(value == 2 * key);
  }
}

TEST_CASE("a step sees its own writes and those before it, by get and by scan") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  REQUIRE(run_once(engine, [](int, pawl::transaction& tx) {
            CHECK(content(tx, numbers).empty());
            CHECK_FALSE(tx.erase(numbers, 3));
            for (const int key : {5, -3, 0, 2, -70000}) tx.put(numbers, key, key * 10);
            CHECK(content(tx, numbers) == std::map<int, int>{{-70000, -700000}, {-3, -30}, {0, 0}, {2, 20}, {5, 50}});
            CHECK(tx.erase(numbers, 0));
            CHECK_FALSE(tx.erase(numbers, 0));
            CHECK_FALSE(tx.get(numbers, 0));
          }).done == 1);
  REQUIRE(run_once(engine, [](int, pawl::transaction& tx) {
            CHECK(content(tx, numbers) == std::map<int, int>{{-70000, -700000}, {-3, -30}, {2, 20}, {5, 50}});
            CHECK(tx.erase(numbers, 2));   // of the commit before
            tx.put(numbers, 3, 33);        // between
            tx.put(numbers, 5, 55);        // over
            tx.put(numbers, 9, 90);        // behind
            CHECK(tx.get(numbers, 5) == 55);
            CHECK_FALSE(tx.get(numbers, 2));
            CHECK(content(tx, numbers) == std::map<int, int>{{-70000, -700000}, {-3, -30}, {3, 33}, {5, 55}, {9, 90}});
            std::vector<int> some;
            for (const auto& [key, value] : tx.scan(numbers, -3, 9)) some.push_back(key);
            CHECK(some == std::vector{-3, 3, 5});
            some.clear();
            for (const auto& [key, value] : tx.scan(numbers, 4)) some.push_back(key);
            CHECK(some == std::vector{5, 9});
            for (const auto& [key, value] : tx.scan(numbers)) tx.erase(numbers, key);  // while it is walked
            CHECK(content(tx, numbers).empty());
            tx.put(numbers, 1, 1);
          }, 2).done == 1);
  CHECK(content(engine.view(), numbers) == std::map<int, int>{{1, 1}});
  CHECK(pawl::state_view(dir / "state").tables().at(0).entries == 1);
}

TEST_CASE("an exception undoes the writes of its item and no other's") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::transactional<"write">([](int n, pawl::transaction& tx) {
    tx.put(numbers, n, n);
    tx.put(totals, "calls", tx.get(totals, "calls").value_or(0) + 1);
    tx.erase(numbers, n - 1);
    if (n % 3 == 1) throw std::runtime_error("one of three");
    if (n % 3 == 2) throw pawl::skip_item("another one of three");
    tx.put(totals, "sum", tx.get(totals, "sum").value_or(0) + n);
  }));
  const pawl::report report = engine.run(w, up_to(3000));
  CHECK(report.done == 1000);
  CHECK(report.failed == 1000);
  CHECK(report.skipped == 1000);
  CHECK(report.first_failures.at(0).reason == "one of three");
  const pawl::table_view view = engine.view();
  CHECK(view.get(totals, "calls") == 1000);
  CHECK(view.get(totals, "sum") == 3 * 999 * 1000 / 2);
  const auto all = content(view, numbers);
  CHECK(all.size() == 1000);
  for (const auto& [key, value] : all) REQUIRE(key % 3 == 0);
}

TEST_CASE("a retry begins with nothing of the attempt before") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(2));
  const auto w = pawl::workflow<"w">(pawl::transactional<"write">([](int n, pawl::transaction& tx, pawl::context& ctx) {
                                       tx.put(totals, "sum", tx.get(totals, "sum").value_or(0) + n);
                                       if (ctx.attempt() < 3) throw std::runtime_error("not yet");
                                     }).retry({.attempts = 3, .first_delay = 1ms}));
  const pawl::report report = engine.run(w, up_to(200));
  CHECK(report.done == 200);
  CHECK(report.step_reports.at(0).retries == 400);
  CHECK(engine.view().get(totals, "sum") == 199 * 200 / 2);
}

TEST_CASE("a transactional step may stand first, last, in the middle and twice") {
  const temp_dir dir;
  std::atomic<int> effects{0};
  const auto w = pawl::workflow<"w">(
      pawl::transactional<"first">([](int n, pawl::transaction& tx) { tx.put(numbers, n, 1); }),
      pawl::step<"between">([&](int n) {
        ++effects;
        return std::to_string(n);
      }),
      pawl::transactional<"second">([](const std::string& text, pawl::transaction& tx) {
        tx.put(totals, "sum", tx.get(totals, "sum").value_or(0) + std::stoi(text));
        return std::stoi(text);
      }),
      pawl::transactional<"third">([](int n, pawl::transaction& tx) {
        tx.put(numbers, n, tx.get(numbers, n).value() + 1);
        return n;
      }),
      pawl::pure<"last">([](int n) { return n; }));
  {
    pawl::engine engine(dir / "state", quiet(2));
    CHECK(engine.run(w, up_to(1500)).done == 1500);
  }
  CHECK(effects == 1500);
  pawl::engine engine(dir / "state", quiet(2));
  CHECK(engine.run(w, up_to(1500)).settled_before == 1500);
  CHECK(engine.view().get(totals, "sum") == 1499 * 1500 / 2);
  for (const auto& [key, value] : content(engine.view(), numbers)) REQUIRE(value == 2);
}

TEST_CASE("a table that is opened with other types is refused") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  run_once(engine, [](int, pawl::transaction& tx) { tx.put(accounts, "Ada", account{5, {"first"}}); });

  static constexpr pawl::table<"accounts", std::string, std::string> other_value;
  static constexpr pawl::table<"accounts", int, account> other_key;
  std::string sentence;
  CHECK(code_of([&] { (void)engine.view().get(other_value, "Ada"); }, &sentence) == pawl::errc::schema_mismatch);
  CHECK_THAT(sentence, Contains("'accounts'") && Contains("values have"));
  CHECK(code_of([&] { (void)content(engine.view(), other_key); }, &sentence) == pawl::errc::schema_mismatch);
  CHECK_THAT(sentence, Contains("keys have"));
  const pawl::report report = run_once(engine, [](int, pawl::transaction& tx) { tx.put(other_value, "Ada", "text"); }, 2);
  CHECK(report.failed == 1);
  CHECK_THAT(report.first_failures.at(0).reason, Contains("'accounts'"));
  CHECK(engine.view().get(accounts, "Ada") == account{5, {"first"}});
}

TEST_CASE("keys and values that are too long are refused, the longest ones kept") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  static constexpr pawl::table<"texts", std::string, std::string> texts;
  const std::string long_key(508, 'k');
  const std::string long_value((1 << 20) - 4, 'v');  // with its length 1 MiB
  std::vector<std::size_t> sizes{0, 1, 1395, 1396, 1397, 4000, 4080, 4081, 100'000};
  REQUIRE(run_once(engine, [&](int, pawl::transaction& tx) {
            tx.put(texts, long_key, long_value);
            for (const std::size_t size : sizes) tx.put(texts, std::to_string(size), std::string(size, 'x'));
          }).done == 1);
  CHECK(engine.view().get(texts, long_key) == long_value);
  for (const std::size_t size : sizes) CHECK(engine.view().get(texts, std::to_string(size)) == std::string(size, 'x'));
  // Longer and shorter ones take each other's place, and leave nothing behind.
  REQUIRE(run_once(engine, [&](int, pawl::transaction& tx) {
            for (const std::size_t size : sizes) tx.put(texts, std::to_string(size), std::string(100'000 - size, 'y'));
            tx.erase(texts, long_key);
          }, 2).done == 1);
  for (const std::size_t size : sizes)
    CHECK(engine.view().get(texts, std::to_string(size)) == std::string(100'000 - size, 'y'));
  CHECK_FALSE(engine.view().get(texts, long_key));

  CHECK(code_of([&] { (void)engine.view().get(texts, long_key + "k"); }) == pawl::errc::too_large);
  const auto refused = [&](auto&& body, int item) {
    const pawl::report report = run_once(engine, body, item);
    CHECK(report.failed == 1);
    return report.first_failures.at(0).reason;
  };
  CHECK_THAT(refused([&](int, pawl::transaction& tx) { tx.put(texts, long_key + "k", ""); }, 3), Contains("at most 508"));
  CHECK_THAT(refused([&](int, pawl::transaction& tx) { tx.put(texts, "a", long_value + "v"); }, 4), Contains("1 MiB"));
  CHECK_THAT(refused([&](int, pawl::transaction& tx) { for (int i = 0; i <= 50'000; ++i) tx.put(numbers, i, i); }, 5),
             Contains("50,000"));
  CHECK(content(engine.view(), numbers).empty());
}

TEST_CASE("the tables are readable while a run goes on, each view at one moment") {
  const temp_dir dir;
  auto options = quiet(2);
  options.window_items = 64;
  pawl::engine engine(dir / "state", options);
  std::atomic<int> looked{0};
  std::atomic<int> wrong{0};
  const auto w = pawl::workflow<"w">(
      pawl::transactional<"move">([](int n, pawl::transaction& tx) {
        tx.put(totals, "a", tx.get(totals, "a").value_or(0) - n);
        tx.put(totals, "b", tx.get(totals, "b").value_or(0) + n);
      }),
      pawl::step<"look">([&](int) {
        const pawl::table_view view = engine.view();
        const auto a = view.get(totals, "a").value();
        const auto later = pawl::state_view(dir / "state").view().get(totals, "a").value();
        if (a + view.get(totals, "b").value() != 0 || later > a) ++wrong;
        ++looked;
      }));
  CHECK(engine.run(w, up_to(500)).done == 500);
  CHECK(looked == 500);
  CHECK(wrong == 0);
}

TEST_CASE("from outside, items that went on behind a transaction are seen right while they do") {
  const temp_dir dir;
  auto options = quiet(2);
  options.window_items = 16;
  pawl::engine engine(dir / "state", options);
  std::atomic<int> wrong{0};
  const auto w = pawl::workflow<"w">(
      pawl::transactional<"write">([](int n, pawl::transaction& tx) { tx.put(numbers, n, n); }),
      pawl::step<"next">([](int n) { return n; }),
      pawl::step<"look">([&](int n) {
        const pawl::state_view state(dir / "state");
        const auto item = state.item("w", n);
        if (!item || item->steps_completed != 2 || state.workflows().at(0).items() == 0) ++wrong;
      }));
  CHECK(engine.run(w, up_to(300)).done == 300);
  CHECK(wrong == 0);
}

TEST_CASE("what an engine cannot do within a transaction it says") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto inner = pawl::workflow<"inner">(pawl::transactional<"it">([](int n, pawl::transaction& tx) { tx.put(numbers, n, n); }));
  const pawl::report report = run_once(engine, [&](int, pawl::transaction& tx) {
    tx.put(totals, "sum", 1);
    engine.run(inner, up_to(3));
  });
  CHECK(report.failed == 1);
  CHECK_THAT(report.first_failures.at(0).reason, Contains("from outside"));
  CHECK(content(engine.view(), totals).empty());
  CHECK(engine.run(inner, up_to(3)).done == 3);

  const auto body = [](int, pawl::transaction&) {};
  CHECK(code_of([&] { (void)pawl::transactional<"x">(body).timeout(1s); }) == pawl::errc::bad_argument);
  CHECK(code_of([&] { (void)pawl::transactional<"x">(body).concurrency(2); }) == pawl::errc::bad_argument);

  pawl::test::memory_backend store;
  pawl::core::checkpoint_log log(store);
  CHECK(code_of([&] { pawl::test::run_over(store, log, inner, up_to(3), 1); }) == pawl::errc::bad_argument);
}

TEST_CASE("a run that is stopped has committed what it reports, and the next one does the rest") {
  const temp_dir dir;
  std::uint64_t done = 0;
  const auto w = [](pawl::engine* stopped) {
    return pawl::workflow<"w">(pawl::transactional<"write">([stopped](int n, pawl::transaction& tx) {
      tx.put(numbers, n, n);
      tx.put(totals, "sum", tx.get(totals, "sum").value_or(0) + 1);
      if (stopped != nullptr && n == 70) stopped->stop();
    }));
  };
  {
    auto options = quiet(2);
    options.window_items = 32;
    pawl::engine engine(dir / "state", options);
    const pawl::report report = engine.run(w(&engine), up_to(1000));
    CHECK(report.stopped);
    done = report.done;
    CHECK(done > 0);
    CHECK(done < 1000);
    CHECK(engine.view().get(totals, "sum") == static_cast<std::int64_t>(done));
    CHECK(content(engine.view(), numbers).size() == done);
  }
  pawl::engine engine(dir / "state", quiet(2));
  const pawl::report report = engine.run(w(nullptr), up_to(1000));
  CHECK(report.done == 1000);
  CHECK(report.settled_before == done);
  CHECK(engine.view().get(totals, "sum") == 1000);
}

TEST_CASE("a generic function may be a transactional step") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w", int>(
      pawl::transactional<"a">([](const auto& n, pawl::transaction& tx) { tx.put(numbers, n, n); }),
      pawl::transactional<"b">([](const auto& n, pawl::transaction& tx, pawl::context&) { tx.put(numbers, n, n + 1); }));
  CHECK(engine.run(w, up_to(3)).done == 3);
  CHECK(content(engine.view(), numbers) == std::map<int, int>{{0, 1}, {1, 2}, {2, 3}});
}

TEST_CASE("pawl table shows the tables and their entries") {
  const temp_dir dir;
  const std::string path = dir / "state";
  CHECK(pawl::test::run_tool({"table", path}).code == 3);
  {
    pawl::engine engine(path, quiet());
    CHECK(pawl::test::run_tool({"table", path}).out == "No tables.\n");
    run_once(engine, [](int, pawl::transaction& tx) {
      tx.put(accounts, "Ada", account{5, {"a \x1b[31m note"}});
      for (int i = -1; i < 150; ++i) tx.put(numbers, i, i);
    });
  }
  const auto all = pawl::test::run_tool({"table", path, "--json"});
  CHECK(all.code == 0);
  const auto tables = nlohmann::json::parse(all.out).at("tables");
  REQUIRE(tables.size() == 2);
  CHECK(tables[0].at("name") == "accounts");
  CHECK(tables[0].at("value") == "record{cents: i64, notes: [string]}");
  CHECK(tables[1].at("entries") == 151);

  CHECK_THAT(pawl::test::run_tool({"table", path, "accounts"}).out, Contains("Ada") && Contains("\"cents\":5") && !Contains("\x1b"));
  const auto some = nlohmann::json::parse(pawl::test::run_tool({"table", path, "numbers", "--json"}).out);
  CHECK(some.at("entries").size() == 100);
  CHECK(some.at("entries")[0] == nlohmann::json{{"key", -1}, {"value", -1}});
  CHECK(some.at("more") == true);
  const auto rest = nlohmann::json::parse(pawl::test::run_tool({"table", path, "numbers", "-n", "0", "--json"}).out);
  CHECK(rest.at("entries").size() == 151);
  CHECK(rest.at("more") == false);
  const auto none = pawl::test::run_tool({"table", path, "nothing"});
  CHECK(none.code == 3);
  CHECK_THAT(none.err, Contains("there is no table 'nothing'"));
}
