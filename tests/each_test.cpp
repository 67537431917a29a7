// One item, many children: how they are recorded, run, counted, and taken up again.
#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/run_tool.hpp"
#include "support/temp_dir.hpp"

#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>
#include <pawl/testing.hpp>

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <numeric>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace pawl;
using pawl::test::logging_to;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

struct book {
  std::string title;
  std::vector<int> pages;
};

std::vector<int> numbers(int count) {
  std::vector<int> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// How often each child's step was called, by its key.
class calls {
public:
  int note(int page) {
    const std::scoped_lock lock(mutex_);
    return ++by_page_[page];
  }
  [[nodiscard]] std::map<int, int> all() const {
    const std::scoped_lock lock(mutex_);
    return by_page_;
  }
  [[nodiscard]] std::size_t pages() const { return all().size(); }
  [[nodiscard]] int most() const {
    int most = 0;
    for (const auto& [page, count] : all()) most = std::max(most, count);
    return most;
  }

private:
  mutable std::mutex mutex_;
  std::map<int, int> by_page_;
};

const auto pages_of = [](const book& b) { return b.pages; };

engine_options with_window(std::size_t workers, std::size_t window) {
  engine_options options = quiet(workers);
  options.window_items = window;
  return options;
}

const report& only_children(const report& of) {
  REQUIRE(of.children.size() == 1);
  return of.children[0];
}

std::uint64_t in_all_states(const report& of) { return of.done + of.failed + of.skipped + of.pending + of.in_progress; }

}  // namespace

TEST_CASE("an item goes on when its children have ended, with their number") {
  const temp_dir dir;
  calls seen;
  std::atomic<std::uint64_t> read{0};
  const auto page = workflow<"page">(pure<"double">([](int n) { return n * 2; }), step<"store">([&](int n) { seen.note(n); }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page), step<"count">([&](const children& ended) {
                                         read += ended.done;
                                         return ended;
                                       }))
                         .key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(3)}, {"b", numbers(40)}, {"empty", {}}});
  CHECK(made.done == 3);
  CHECK(read == 43);
  CHECK(only_children(made).workflow == "shelf/pages");
  CHECK(only_children(made).items == 43);
  CHECK(only_children(made).done == 43);
  CHECK(seen.pages() == 40);
  CHECK(e.result<children>(shelf, "b") == children{.total = 40, .done = 40});
  CHECK(e.result<children>(shelf, "empty") == children{});
}

TEST_CASE("what children return comes in the order of the source") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"square">([](int n) { return std::to_string(n * n); }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).collect(),
                                       pure<"join">([](const std::vector<std::string>& all) {
                                         std::string text;
                                         for (const std::string& one : all) text += one + " ";
                                         return text;
                                       }))
                         .key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, std::vector<book>{{"a", {3, 1, 2}}, {"none", {}}}).done == 2);
  CHECK(e.result<std::string>(shelf, "a") == "9 1 4 ");
  CHECK(e.result<std::string>(shelf, "none") == "");
}

TEST_CASE("results of children that were done before are read from the state") {
  const temp_dir dir;
  calls seen;
  std::atomic<bool> broken{true};
  const auto page = workflow<"page">(step<"square">([&](int n) {
    if (n == 7 && broken) throw std::runtime_error("not yet");
    seen.note(n);
    return n * n;
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).collect()).key(&book::title);
  const std::vector<book> books{{"a", numbers(10)}};
  {
    engine e{dir / "s.pawl", quiet(2)};
    CHECK(e.run(shelf, books).failed == 1);
  }
  broken = false;
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, books).done == 1);
  CHECK(e.result<std::vector<int>>(shelf, "a") == std::vector<int>{0, 1, 4, 9, 16, 25, 36, 49, 64, 81});
  CHECK(seen.most() == 1);
}

TEST_CASE("a source is a range, a generator, or a function that is one; it may look at what it was called with") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"take">([](int n) { return n; }));
  const auto alone = each<"alone">(pages_of, page);
  CHECK(alone(book{"x", {1, 2}}) == std::vector<int>{1, 2});  // called alone, a step is its source
  std::atomic<int> as_expected{0};
  const auto shelf = workflow<"shelf", book>(
                         each<"by_generate">([](const book& b) {
                           return generate([&b, at = std::size_t{0}]() mutable -> std::optional<int> {
                             return at < b.pages.size() ? std::optional(b.pages[at++]) : std::nullopt;
                           });
                         }, page),
                         each<"by_function">([&](const children& before, item<book> b, context& ctx) {
                           if (before.done == b->pages.size()) ++as_expected;
                           return [&all = b->pages, at = std::size_t{ctx.attempt() - 1}]() mutable -> std::optional<int> {
                             return at < all.size() ? std::optional(all[at++]) : std::nullopt;
                           };
                         }, page))
                         .key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(5)}, {"b", numbers(6)}});
  CHECK(made.done == 2);
  REQUIRE(made.children.size() == 2);
  CHECK(made.children[0].workflow == "shelf/by_generate");
  CHECK(made.children[1].workflow == "shelf/by_function");
  CHECK(made.children[1].done == 11);
  CHECK(as_expected == 2);
}

TEST_CASE("a failed child fails its parent when the others have ended; the next run does what is missing") {
  const temp_dir dir;
  calls seen;
  std::atomic<bool> broken{true};
  const auto page = workflow<"page">(step<"print">([&](int n) {
    seen.note(n);
    if (n % 10 == 3 && broken) throw std::runtime_error("no ink for page " + std::to_string(n));
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
  const std::vector<book> books{{"a", numbers(30)}};
  engine e{dir / "s.pawl", quiet(2)};
  const report first = e.run(shelf, books);
  CHECK(first.failed == 1);
  CHECK(only_children(first).failed == 3);
  CHECK(only_children(first).done == 27);
  REQUIRE(first.first_failures.size() == 1);
  CHECK(first.first_failures[0].step == "pages");
  CHECK_THAT(first.first_failures[0].reason, Catch::Contains("3 of 30 children failed; the first, 'a/"));
  CHECK_THAT(first.first_failures[0].reason, Catch::Contains("no ink for page"));
  broken = false;
  const report second = e.run(shelf, books);
  CHECK(second.done == 1);
  CHECK(only_children(second).settled_before == 27);
  for (const auto& [n, count] : seen.all()) CHECK(count == (n % 10 == 3 ? 2 : 1));
}

TEST_CASE("failed children that are left alone fail their parent again, with the reason that is recorded") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"print">([](int n) {
    if (n == 1) throw std::runtime_error("torn");
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
  const std::vector<book> books{{"a", numbers(3)}};
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, books).failed == 1);
  CHECK(e.retry("shelf").changed == 1);
  const report again = e.run(shelf, books, {.on_failed = on_failed::keep});
  CHECK(again.failed == 1);
  REQUIRE(again.first_failures.size() == 1);
  CHECK_THAT(again.first_failures[0].reason, Catch::Contains("1 of 3 children failed; the first, 'a/1': torn"));
  CHECK(only_children(again).steps == 0);
}

TEST_CASE("failures that are counted, and skips, fail nobody") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"print">([](int n) {
    if (n % 5 == 0) throw std::runtime_error("bad");
    if (n % 5 == 1) throw skip_item("blank");
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).count_failures()).key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(20)}});
  CHECK(made.done == 1);
  CHECK(e.result<children>(shelf, "a") == children{.total = 20, .done = 12, .failed = 4, .skipped = 4});
  CHECK(only_children(made).skipped == 4);
}

TEST_CASE("results cannot be collected where a child has none") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"print">([](int n) -> outcome<int> {
    if (n == 2) return skip("blank");
    return n;
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).collect()).key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(4)}});
  CHECK(made.failed == 1);
  REQUIRE(made.first_failures.size() == 1);
  CHECK_THAT(made.first_failures[0].reason, Catch::Contains("1 of 4 children were skipped"));

  const auto silent = workflow<"silent">(step<"print">([](int) {}));
  CHECK_THROWS_WITH(each<"pages">(pages_of, silent).collect(), Catch::Contains("returns nothing"));
}

TEST_CASE("a key that repeats fails the parent by name, whether the first is in flight or long done") {
  const temp_dir dir;
  calls seen;
  const auto page = workflow<"page">(step<"print">([&](int n) { seen.note(n); }));
  SECTION("and none of its children starts, where they wait to be recorded") {
    const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
    engine e{dir / "s.pawl", quiet(2)};
    const report made = e.run(shelf, std::vector<book>{{"good", {1, 2}}, {"bad", {4, 5, 6, 5, 7}}});
    CHECK(made.done == 1);
    CHECK(made.failed == 1);
    REQUIRE(made.first_failures.size() == 1);
    CHECK(made.first_failures[0].key == "bad");
    CHECK_THAT(made.first_failures[0].reason, Catch::Contains("gives the key '5' twice (again as child number 4)"));
    CHECK(seen.all() == std::map<int, int>{{1, 1}, {2, 1}});
    CHECK(in_all_states(only_children(made)) == only_children(made).items);
  }
  SECTION("with a window that the first has left") {
    const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).reproducible()).key(&book::title);
    engine e{dir / "s.pawl", with_window(1, 4)};
    std::vector<int> all = numbers(3000);
    all.push_back(0);
    const report made = e.run(shelf, std::vector<book>{{"bad", all}});
    CHECK(made.failed == 1);
    REQUIRE(made.first_failures.size() == 1);
    CHECK_THAT(made.first_failures[0].reason, Catch::Contains("gives the key '0' twice"));
    CHECK(seen.most() == 1);
  }
}

TEST_CASE("a source that throws is an attempt that failed") {
  const temp_dir dir;
  calls seen;
  std::atomic<int> called{0};
  const auto page = workflow<"page">(step<"print">([&](int n) { seen.note(n); }));
  const auto flaky = [&](const book& b) {
    const int call = ++called;
    if (call == 1) throw std::runtime_error("the shelf is locked");
    return generate([&b, call, at = std::size_t{0}]() mutable -> std::optional<int> {
      if (call == 2 && at == 5) throw std::runtime_error("a page sticks");
      return at < b.pages.size() ? std::optional(b.pages[at++]) : std::nullopt;
    });
  };
  SECTION("and is tried again as its retry says, from its beginning; keys decide") {
    const auto shelf = workflow<"shelf">(each<"pages">(flaky, page).retry({.attempts = 3, .first_delay = 1ms})).key(&book::title);
    engine e{dir / "s.pawl", quiet(2)};
    const report made = e.run(shelf, std::vector<book>{{"a", numbers(10)}});
    CHECK(made.done == 1);
    CHECK(called == 3);
    CHECK(seen.pages() == 10);
    CHECK(seen.most() == 1);
    CHECK(e.result<children>(shelf, "a") == children{.total = 10, .done = 10});
  }
  SECTION("and fails the parent without") {
    const auto shelf = workflow<"shelf">(each<"pages">(flaky, page)).key(&book::title);
    engine e{dir / "s.pawl", quiet(2)};
    CHECK(e.run(shelf, std::vector<book>{{"a", numbers(10)}}).first_failures.at(0).reason == "the shelf is locked");
    const report second = e.run(shelf, std::vector<book>{{"a", numbers(10)}});
    CHECK(second.failed == 1);
    CHECK_THAT(second.first_failures.at(0).reason, Catch::Contains("its source threw after 5 children: a page sticks"));
    CHECK(seen.pages() == 0);  // not all were recorded
    CHECK(e.run(shelf, std::vector<book>{{"a", numbers(10)}}).done == 1);
    CHECK(seen.pages() == 10);
  }
}

TEST_CASE("no child starts before all are recorded, however many they are") {
  // The source looks at whether a child was called before it gave its last one.
  for (const int count : {10, 900, 5000}) {
    CAPTURE(count);
    const temp_dir dir;
    std::atomic<int> called{0};
    std::atomic<int> called_at_end{-1};
    const auto page = workflow<"page">(step<"print">([&](int) { ++called; }));
    const auto source = [&](const book& b) {
      return generate([&, at = std::size_t{0}]() mutable -> std::optional<int> {
        if (at < b.pages.size()) return b.pages[at++];
        called_at_end = called.load();
        return std::nullopt;
      });
    };
    const auto shelf = workflow<"shelf">(each<"pages">(source, page)).key(&book::title);
    engine e{dir / "s.pawl", with_window(2, 64)};
    const report made = e.run(shelf, std::vector<book>{{"a", numbers(count)}});
    CHECK(made.done == 1);
    CHECK(called == count);
    CHECK(called_at_end == 0);
    CHECK(only_children(made).items == static_cast<std::uint64_t>(count));
    CHECK(only_children(made).done == static_cast<std::uint64_t>(count));
  }
}

TEST_CASE("children with reproducible keys run as they come") {
  const temp_dir dir;
  std::atomic<int> called{0};
  std::atomic<int> called_at_end{-1};
  const auto page = workflow<"page">(step<"print">([&](int) { ++called; }));
  const auto source = [&](const book& b) {
    return generate([&, at = std::size_t{0}]() mutable -> std::optional<int> {
      if (at < b.pages.size()) return b.pages[at++];
      called_at_end = called.load();
      return std::nullopt;
    });
  };
  const auto shelf = workflow<"shelf">(each<"pages">(source, page).reproducible()).key(&book::title);
  engine e{dir / "s.pawl", with_window(2, 16)};
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(1000)}}).done == 1);
  CHECK(called == 1000);
  CHECK(called_at_end > 900);  // the window was full of those that had not been
}

TEST_CASE("a window of one item, and children larger than the window, come through") {
  const temp_dir dir;
  std::atomic<std::uint64_t> bytes{0};
  const auto page = workflow<"page">(step<"print">([&](const std::string& text) { bytes += text.size(); }))
                        .key([](const std::string& text) { return text.substr(0, 8); });
  const auto shelf = workflow<"shelf">(each<"pages">([](const book& b) {
                       std::vector<std::string> texts;
                       for (const int n : b.pages) {
                         std::string name = std::to_string(10'000'000 + n);
                         texts.push_back(name + std::string(50'000, 'x'));
                       }
                       return texts;
                     }, page))
                         .key(&book::title);
  engine_options options = with_window(2, 1);
  options.window_bytes = 20'000;
  engine e{dir / "s.pawl", options};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(7)}, {"b", numbers(2)}});
  CHECK(made.done == 2);
  CHECK(bytes == 9 * 50'008);
}

TEST_CASE("children have children") {
  const temp_dir dir;
  calls seen;
  const auto word = workflow<"word">(step<"read">([&](int n) {
    seen.note(n);
    return n;
  }));
  const auto page = workflow<"page">(each<"words">([](int n) { return std::vector<int>{n * 10, n * 10 + 1}; }, word),
                                     step<"turn">([](const children& words) { return words.done; }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page).collect()).key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  const report made = e.run(shelf, std::vector<book>{{"a", numbers(5)}});
  CHECK(made.done == 1);
  CHECK(only_children(only_children(made)).workflow == "shelf/pages/words");
  CHECK(only_children(only_children(made)).done == 10);
  CHECK(seen.pages() == 10);
  CHECK(e.result<std::vector<std::uint64_t>>(shelf, "a") == std::vector<std::uint64_t>(5, 2));
}

TEST_CASE("a stop in the middle stops the children, and the next run does what is missing") {
  for (const int count : {40, 3000}) {
    CAPTURE(count);
    const temp_dir dir;
    calls seen;
    std::stop_source stop;
    std::atomic<int> stop_after{count / 2};
    const auto page = workflow<"page">(step<"print">([&](int n) {
      seen.note(n);
      if (--stop_after == 0) stop.request_stop();
    }));
    const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
    const std::vector<book> books{{"a", numbers(count)}, {"b", {}}};
    {
      engine e{dir / "s.pawl", with_window(2, 64)};
      const report made = e.run(shelf, books, {.stop = stop.get_token()});
      CHECK(made.stopped);
      CHECK(in_all_states(made) == made.items);
      CHECK(only_children(made).stopped);
      CHECK(only_children(made).done < static_cast<std::uint64_t>(count));
      CHECK(in_all_states(only_children(made)) == only_children(made).items);
    }
    engine e{dir / "s.pawl", with_window(2, 64)};
    const report made = e.run(shelf, books);
    CHECK(made.done == 2);
    CHECK(only_children(made).items == static_cast<std::uint64_t>(count));
    CHECK(only_children(made).done == static_cast<std::uint64_t>(count));
    CHECK(seen.pages() == static_cast<std::size_t>(count));
    CHECK(seen.most() == 1);
    CHECK(e.result<children>(shelf, "a")->done == static_cast<std::uint64_t>(count));
  }
}

TEST_CASE("keys decide: a child that is done stays done, a recorded one that does not come any more is told of") {
  const temp_dir dir;
  calls seen;
  std::atomic<bool> broken{true};
  struct line {
    int number = 0;
    std::string text;
  };
  const auto page = workflow<"page">(step<"print">([&](const line& l) {
                      if (l.number == 3 && broken) throw std::runtime_error("torn");
                      seen.note(l.number);
                      return l.text;
                    }))
                        .key(&line::number);
  std::vector<line> lines{{1, "one"}, {2, "two"}, {3, "three"}, {4, "four"}};
  const auto shelf = workflow<"shelf">(each<"pages">([&](const book&) { return lines; }, page).collect()).key(&book::title);
  std::ostringstream told;
  {
    engine e{dir / "s.pawl", quiet(2)};
    CHECK(e.run(shelf, std::vector<book>{{"a", {}}}).failed == 1);
  }
  broken = false;
  lines = {{1, "uno"}, {3, "tres"}, {5, "five"}};
  engine e{dir / "s.pawl", logging_to(told)};
  const report made = e.run(shelf, std::vector<book>{{"a", {}}});
  CHECK(made.done == 1);
  CHECK(e.result<std::vector<std::string>>(shelf, "a") == std::vector<std::string>{"one", "three", "five"});
  CHECK(seen.all() == std::map<int, int>{{1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}});
  CHECK(only_children(made).vanished == 2);
  CHECK(only_children(made).items == 3);
  CHECK_THAT(told.str(), Catch::Contains("event=children_vanished workflow=shelf/pages parent=\"a\" count=2 keys=\"a/2, a/4\""));
}

TEST_CASE("a rerun and a changed input make new children; a retry does not") {
  const temp_dir dir;
  calls seen;
  std::set<std::string> idempotency;
  std::mutex mutex;
  const auto page = workflow<"page">(step<"print">([&](int n, context& ctx) {
    seen.note(n);
    const std::scoped_lock lock(mutex);
    idempotency.insert(ctx.idempotency_key());
  }));
  const auto shelf = workflow<"shelf">(pure<"open">([](const book& b) { return b; }).keep(), each<"pages">(pages_of, page))
                         .key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(2)}}).done == 1);
  CHECK(e.rerun("shelf", "pages").changed == 1);
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(2)}}).done == 1);
  CHECK(seen.all() == std::map<int, int>{{0, 2}, {1, 2}});
  const report changed = e.run(shelf, std::vector<book>{{"a", numbers(3)}});
  CHECK(changed.changed_inputs == 1);
  CHECK(only_children(changed).done == 3);
  CHECK(seen.all() == std::map<int, int>{{0, 3}, {1, 3}, {2, 1}});
  CHECK(idempotency.size() == 7);
}

TEST_CASE("children in the state read as parent/child, and are found by that") {
  const temp_dir dir;
  const auto word = workflow<"word">(step<"read">([](const std::string& w) { return w + "!"; }));
  const auto page = workflow<"page">(each<"words">([](int n) {
                                       return std::vector<std::string>{"w" + std::to_string(n), "with/slash"};
                                     }, word));
  const auto shelf = workflow<"shelf">(pure<"open">([](const book& b) { return b; }).keep(), each<"pages">(pages_of, page))
                         .key(&book::title);
  {
    engine e{dir / "s.pawl", quiet(2)};
    CHECK(e.run(shelf, std::vector<book>{{"a/b", {-1, 2}}}).done == 1);
    CHECK(e.rerun("shelf", "pages").changed == 1);
    CHECK(e.run(shelf, std::vector<book>{{"a/b", {7}}}).done == 1);
  }
  const state_view state(dir / "s.pawl");
  std::set<std::string> names;
  for (const workflow_view& one : state.workflows()) names.insert(one.name);
  CHECK(names == std::set<std::string>{"shelf", "shelf/pages", "shelf/pages/words"});
  std::set<std::string> keys;
  for (const item_view& one : state.items({.workflow = "shelf/pages"}).items) keys.insert(one.key.to_string());
  CHECK(keys == std::set<std::string>{"a/b/-1", "a/b/2", "a/b@2/7"});
  for (const std::string& key : keys) {
    CAPTURE(key);
    const auto found = state.item("shelf/pages", key);
    REQUIRE(found);
    CHECK(found->key.to_string() == key);
  }
  const auto first_word = state.item("shelf/pages/words", "a/b/-1/w-1");
  REQUIRE(first_word);
  CHECK(first_word->result->json == "\"w-1!\"");
  const auto slashed = state.item("shelf/pages/words", "a/b@2/7/with/slash");
  REQUIRE(slashed);
  CHECK(slashed->result->json == "\"with/slash!\"");
  const pawl::test::said shown = pawl::test::run_tool({"show", dir / "s.pawl", "a/b/-1/w-1"});
  CHECK(shown.code == 0);
  CHECK_THAT(shown.out, Catch::Contains("a/b/-1/w-1") && Catch::Contains("shelf/pages/words") && Catch::Contains("w-1!"));
  CHECK_THAT(pawl::test::run_tool({"status", dir / "s.pawl"}).out, Catch::Contains("shelf/pages/words"));
  CHECK_FALSE(state.item("shelf/pages/words", "a/b/-1/w2"));
  CHECK_FALSE(state.item("shelf", "a/b/2"));
  CHECK(state.items({.workflow = "shelf/pages", .key_prefix = "a/b@2/"}).items.size() == 1);
}

TEST_CASE("a child can be retried and skipped alone") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"print">([](int n) {
    if (n == 1) throw std::runtime_error("torn");
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(3)}}).failed == 1);
  e.skip("shelf/pages", "a/1", "a blank page");
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(3)}}).done == 1);
  CHECK(e.result<children>(shelf, "a") == children{.total = 3, .done = 2, .skipped = 1});
}

TEST_CASE("whoever resumes without a source, or submits, gets the children too") {
  const temp_dir dir;
  calls seen;
  std::atomic<bool> broken{true};
  const auto page = workflow<"page">(step<"print">([&](int n) {
    if (n == 1 && broken) throw std::runtime_error("torn");
    seen.note(n);
  }));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
  engine e{dir / "s.pawl", quiet(2)};
  CHECK(e.run(shelf, std::vector<book>{{"a", numbers(3)}}).failed == 1);
  broken = false;
  CHECK(e.resume(shelf).done == 1);
  auto handle = e.submit(shelf, book{"b", {10, 11}});
  CHECK(handle.wait() == item_state::done);
  const report made = e.close(shelf);
  CHECK(made.done == 1);
  CHECK(only_children(made).done == 2);
  CHECK(seen.all() == std::map<int, int>{{0, 1}, {1, 1}, {2, 1}, {10, 1}, {11, 1}});
}

TEST_CASE("many parents fan out at the same time, a few sources of them open") {
  const temp_dir dir;
  calls seen;
  std::atomic<int> open{0};
  std::atomic<int> most_open{0};
  struct counted {
    explicit counted(std::atomic<int>& of) : count(&of) {}
    counted(counted&& other) noexcept : count(std::exchange(other.count, nullptr)) {}
    ~counted() {
      if (count != nullptr) --*count;
    }
    std::atomic<int>* count;
  };
  const auto page = workflow<"page">(step<"print">([&](int n) { seen.note(n); }));
  const auto shelf = workflow<"shelf">(each<"pages">([&](int parent) {
                                         const int now = ++open;
                                         int most = most_open;
                                         while (now > most && !most_open.compare_exchange_weak(most, now)) {}
                                         return generate([one = counted(open), parent, at = 0]() mutable -> std::optional<int> {
                                           return at < 5 ? std::optional(parent * 10 + at++) : std::nullopt;
                                         });
                                       }, page)
                                           .concurrency(3));
  engine e{dir / "s.pawl", quiet(4)};
  const report made = e.run(shelf, numbers(500));
  CHECK(made.done == 500);
  CHECK(seen.pages() == 2500);
  CHECK(seen.most() == 1);
  CHECK(open == 0);
  CHECK(most_open <= 3);
}

TEST_CASE("what a fan-out cannot be is said by name") {
  const temp_dir dir;
  const auto page = workflow<"page">(step<"print">([](int) {}));
  CHECK_THROWS_WITH(each<"pages">(pages_of, page).timeout(1s), Catch::Contains("give a timeout to the steps of theirs"));
  const auto shelf = workflow<"shelf">(each<"pages">(pages_of, page)).key(&book::title);
  {
    engine_options options = quiet();
    options.threads = threads::flusher;
    engine e{dir / "f.pawl", options};
    CHECK_THROWS_WITH(e.run(shelf, std::vector<book>{}), Catch::Contains("open the engine with threads::workers"));
  }
  struct keyless {
    std::string text;
  };
  const auto no_key = workflow<"page">(step<"print">([](const keyless&) {}));
  const auto bad = workflow<"bad">(each<"pages">([](int) { return std::vector<keyless>{}; }, no_key));
  engine e{dir / "s.pawl", quiet()};
  CHECK_THROWS_WITH(e.run(bad, numbers(1)), Catch::Contains("workflow 'bad/pages'") && Catch::Contains("is not its own key"));
  const auto text = workflow<"text">(step<"print">([](const std::string&) {}));
  const auto longer = workflow<"longer">(each<"pages">([](int) { return std::vector<std::string>{std::string(600, 'k')}; }, text));
  CHECK_THAT(e.run(longer, numbers(1)).first_failures.at(0).reason,
             Catch::Contains("the key of child number 1 has") && Catch::Contains("at most 480"));
  const description said = shelf.describe();
  CHECK(said.steps[0].kind == step_kind::each);
  CHECK_THAT(to_string(said), Catch::Contains("each"));
}

TEST_CASE("children are not removed while their parents need them: retention is refused for their workflow") {
  const auto child = pawl::workflow<"child">(pawl::step<"s">([](int n) { return n; })).retain({.done_at_most = 1});
  CHECK_THROWS_WITH(
      pawl::workflow<"parent">(pawl::each<"rows">([](int n) { return std::vector<int>{n}; }, child)),
      Catch::Contains("step 'rows'") && Catch::Contains("says .retain"));
}
