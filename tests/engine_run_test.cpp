// What a user sees first: open, run, read the results, run again.
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

using namespace std::chrono_literals;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct page {
  std::string url;
  std::string html;
  friend bool operator==(const page&, const page&) = default;
};
struct record {
  std::string title;
  std::vector<std::string> links;
  friend bool operator==(const record&, const record&) = default;
};
struct order {
  std::int64_t id = 0;
  std::string what;
};

std::vector<std::string> urls(int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i) all.push_back("https://example.org/" + std::to_string(i));
  return all;
}

void check_adds_up(const pawl::report& report) {
  CHECK(report.done + report.failed + report.skipped + report.pending + report.in_progress == report.items);
}

}  // namespace

TEST_CASE("items go through every step, and their results are there afterwards") {
  const temp_dir dir;
  for (const unsigned workers : {1u, 2u, 4u}) {
    std::atomic<int> reads = 0;
    const auto crawl = pawl::workflow<"crawl">(pawl::step<"read">([&](const std::string& url) {
                                                 ++reads;
                                                 return page{url, "<title>" + url + "</title>"};
                                               }),
                                               pawl::pure<"transform">([](const page& p) { return record{p.html, {p.url}}; }),
                                               pawl::step<"write">([](const record& r) { return r.title.size(); }));
    pawl::engine engine(dir / ("crawl" + std::to_string(workers)), quiet(workers));
    const pawl::report report = engine.run(crawl, urls(1000));
    check_adds_up(report);
    CHECK(report.items == 1000);
    CHECK(report.done == 1000);
    CHECK(report.steps == 3000);
    CHECK(reads == 1000);
    CHECK(report.step_reports.size() == 3);
    CHECK(report.step_reports[0].calls == 1000);
    CHECK(engine.result(crawl, "https://example.org/7") == std::string_view("<title>https://example.org/7</title>").size());
    CHECK_FALSE(engine.result(crawl, "https://example.org/none"));

    const pawl::report again = engine.run(crawl, urls(1000));
    check_adds_up(again);
    CHECK(again.done == 1000);
    CHECK(again.settled_before == 1000);
    CHECK(again.steps == 0);
    CHECK(reads == 1000);
  }
}

TEST_CASE("done items are skipped by another process's engine too: the state is on the disk") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  const auto count = pawl::workflow<"count">(pawl::step<"square">([&](std::int64_t n) {
    ++calls;
    return n * n;
  }));
  std::vector<std::int64_t> numbers(500);
  std::iota(numbers.begin(), numbers.end(), -250);
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(count, numbers).done == 500);
  }
  numbers.push_back(1'000'000);
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.run(count, numbers);
  CHECK(report.items == 501);
  CHECK(report.settled_before == 500);
  CHECK(calls == 501);
  CHECK(engine.result(count, -250) == 62500);
  CHECK(engine.result(count, 1'000'000) == 1'000'000'000'000);
  std::map<std::string, std::int64_t> all;
  for (auto& entry : engine.results(count)) all[entry.key] = entry.value;
  CHECK(all.size() == 501);
  CHECK(all.at("-3") == 9);
}

TEST_CASE("a source of any kind is pulled lazily") {
  const temp_dir dir;
  pawl::engine_options options = quiet();
  options.window_items = 10;
  pawl::engine engine(dir / "state", options);
  std::atomic<std::int64_t> pulled = 0;
  std::atomic<std::int64_t> ended = 0;
  std::int64_t most_ahead = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](std::int64_t n) {
    ++ended;
    return n;
  }));
  const pawl::report report = engine.run(w, pawl::generate([&]() -> std::optional<std::int64_t> {
                                           most_ahead = std::max(most_ahead, pulled.load() - ended.load());
                                           if (pulled == 1000) return std::nullopt;
                                           return pulled++;
                                         }));
  CHECK(report.done == 1000);
  CHECK(most_ahead <= 10);
}

TEST_CASE("a key that the source gives twice is one item, and the second is counted") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const std::string& s) {
    ++calls;
    return s.size();
  }));
  pawl::engine engine(dir / "state", quiet(2));
  std::vector<std::string> twice = urls(2000);
  for (const std::string& url : urls(2000)) twice.push_back(url);
  twice.insert(twice.begin(), twice[0]);
  for (int round = 0; round < 2; ++round) {
    const pawl::report report = engine.run(w, twice);
    check_adds_up(report);
    CHECK(report.items == 2000);
    CHECK(report.duplicates == 2001);
    CHECK(calls == 2000);
  }
}

TEST_CASE("an aggregate is called by its key projection, and without one the run is refused") {
  const temp_dir dir;
  const auto plain = pawl::workflow<"orders">(pawl::step<"ship">([](const order& o) { return o.what; }));
  pawl::engine engine(dir / "state", quiet());
  const std::vector<order> orders{{1, "tea"}, {2, "milk"}};
  try {
    engine.run(plain, orders);
    FAIL("ran without a key");
  } catch (const pawl::error& failure) {
    CHECK(failure.code() == pawl::errc::bad_argument);
    CHECK(std::string(failure.what()).find(".key(") != std::string::npos);
  }
  const auto keyed = plain.key(&order::id);
  CHECK(engine.run(keyed, orders).done == 2);
  CHECK(engine.result(keyed, 2) == "milk");
}

TEST_CASE("the integer 1 and the text 1 are two items") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](const order& o) { return o.what; }));
  const std::vector<order> orders{{1, "tea"}};
  CHECK(engine.run(w.key(&order::id), orders).settled_before == 0);
  CHECK(engine.run(w.key([](const order& o) { return std::to_string(o.id); }), orders).settled_before == 0);
  CHECK(engine.result(w, 1) == "tea");
  CHECK(engine.result(w, "1") == "tea");
  CHECK_FALSE(engine.result(w, "2"));
}

TEST_CASE("a step may read the item's input and earlier results, and void passes its input on") {
  const temp_dir dir;
  std::mutex mutex;
  std::set<std::string> said;
  const auto w = pawl::workflow<"w">(
      pawl::step<"read">([](const std::string& url) { return page{url, "html of " + url}; }),
      pawl::step<"log">([](const page&) {}),
      pawl::pure<"size">([](const page& p) { return p.html.size(); }),
      pawl::step<"write">([&](std::size_t size, pawl::item<std::string> url, pawl::from<"read", page> from, pawl::context& ctx) {
        const std::scoped_lock lock(mutex);
        said.insert(*url + "|" + from->html + "|" + std::to_string(size) + "|" + std::string(ctx.key()));
      }));
  pawl::engine engine(dir / "state", quiet(2));
  CHECK(engine.run(w, std::vector<std::string>{"a", "bb"}).done == 2);
  CHECK(said == std::set<std::string>{"a|html of a|9|a", "bb|html of bb|10|bb"});
  CHECK_FALSE(engine.result(w, "a"));  // the last step is void
}

TEST_CASE("a step that consumes its input gets it whole on every attempt") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(
      pawl::step<"read">([](const std::string& url) { return page{url, std::string(10'000, 'x')}; }),
      pawl::step<"eat">([&](page&& p) {
        const page mine = std::move(p);
        if (mine.html.size() != 10'000) throw std::logic_error("it came without its html");
        if (++calls % 3 != 0) throw std::runtime_error("not yet");
        return mine.html.size();
      }).retry({.attempts = 5, .first_delay = 1ms, .jitter = 0}));
  pawl::engine engine(dir / "state", quiet());
  const pawl::report report = engine.run(w, std::vector<std::string>{"a"});
  CHECK(report.done == 1);
  CHECK(calls == 3);
  CHECK(report.step_reports[1].retries == 2);
}

TEST_CASE("idempotency keys are the same for every attempt and run, and new after a rerun with another input") {
  const temp_dir dir;
  std::mutex mutex;
  std::map<std::string, std::set<std::string>> keys;  // by step and what the order says
  int fail = 2;
  const auto w = pawl::workflow<"w">(
                     pawl::step<"a">([&](const order& o, pawl::context& ctx) {
                       const std::scoped_lock lock(mutex);
                       keys["a" + o.what].insert(ctx.idempotency_key());
                       if (fail-- > 0) throw std::runtime_error("again");
                       return o;
                     }).retry({.attempts = 2, .first_delay = 1ms}),
                     pawl::step<"b">([&](const order& o, pawl::context& ctx) {
                       const std::scoped_lock lock(mutex);
                       keys["b" + o.what].insert(ctx.idempotency_key());
                     }))
                     .key(&order::id);
  {
    pawl::engine engine(dir / "state", quiet());
    CHECK(engine.run(w, std::vector<order>{{1, "tea"}}).failed == 1);
  }
  pawl::engine engine(dir / "state", quiet());
  CHECK(engine.run(w, std::vector<order>{{1, "tea"}}).done == 1);
  const pawl::report report = engine.run(w, std::vector<order>{{1, "milk"}});
  CHECK(report.changed_inputs == 1);
  CHECK(report.done == 1);
  CHECK(keys["atea"].size() == 1);
  CHECK(keys["amilk"].size() == 1);
  std::set<std::string> all;
  for (const auto& [step, used] : keys) all.insert(used.begin(), used.end());
  CHECK(all.size() == 4);
}

TEST_CASE("an input that changed is done again, left alone, or failed, as the options say") {
  const temp_dir dir;
  std::atomic<int> calls = 0;
  const auto w = pawl::workflow<"w">(pawl::step<"s">([&](const order& o) {
                   ++calls;
                   return o.what;
                 })).key(&order::id);
  pawl::engine engine(dir / "state", quiet());
  engine.run(w, std::vector<order>{{1, "tea"}});
  pawl::run_options options;
  options.on_changed_input = pawl::on_changed_input::ignore;
  CHECK(engine.run(w, std::vector<order>{{1, "milk"}}, options).settled_before == 1);
  CHECK(engine.result(w, 1) == "tea");
  options.on_changed_input = pawl::on_changed_input::fail;
  const pawl::report failed = engine.run(w, std::vector<order>{{1, "milk"}}, options);
  CHECK(failed.failed == 1);
  CHECK(calls == 1);
  options.on_changed_input = pawl::on_changed_input::rerun;
  CHECK(engine.run(w, std::vector<order>{{1, "milk"}}, options).done == 1);
  CHECK(engine.result(w, 1) == "milk");
  CHECK(engine.run(w, std::vector<order>{{1, "milk"}}, options).settled_before == 1);
}

TEST_CASE("two workflows share a state and run beside each other; two runs of one are refused") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet());
  std::atomic<bool> inside = false;
  std::atomic<bool> leave = false;
  const auto slow = pawl::workflow<"slow">(pawl::step<"s">([&](int n) {
    inside = true;
    while (!leave) std::this_thread::sleep_for(1ms);
    return n;
  }));
  const auto quick = pawl::workflow<"quick">(pawl::step<"s">([](int n) { return n + 1; }));
  std::thread other([&] { engine.run(slow, std::vector<int>{1}); });
  while (!inside) std::this_thread::sleep_for(1ms);
  CHECK(engine.run(quick, std::vector<int>{1, 2, 3}).done == 3);
  CHECK_THROWS_AS(engine.run(slow, std::vector<int>{2}), pawl::error);
  leave = true;
  other.join();
  CHECK(engine.result(slow, 1) == 1);
  CHECK(engine.result(quick, 1) == 2);
}

TEST_CASE("an empty source gives an empty report") {
  const temp_dir dir;
  pawl::engine engine(dir / "state", quiet(3));
  const auto w = pawl::workflow<"w">(pawl::step<"s">([](int n) { return n; }));
  const pawl::report report = engine.run(w, std::vector<int>{});
  CHECK(report.items == 0);
  CHECK_FALSE(report.stopped);
}
