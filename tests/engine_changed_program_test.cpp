// One test for each way in which a program can change between two runs: what is called again, what each item comes to,
// and what the plan and the report say. (engine_change_test and engine_migrate_test look at some of them closer.)
#include <pawl/inspect.hpp>
#include <pawl/pawl.hpp>

#include "support/catch.hpp"
#include "support/quiet.hpp"
#include "support/temp_dir.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using Catch::Contains;
using pawl::test::quiet;
using pawl::test::temp_dir;

namespace {

using lines = std::vector<std::string>;

// What happens in a step of an item, and what did.
enum class fate { fails, is_stopped_after };
std::map<std::string, fate> fates;   // "1 read"
std::map<std::string, std::string> called;  // by key: steps, in order
pawl::engine* stopped_by = nullptr;

void note(pawl::context& ctx, const std::string& step) {
  const std::string key(ctx.key());
  const auto found = fates.find(key + " " + step);
  if (found != fates.end() && found->second == fate::fails) throw std::runtime_error("down");
  if (found != fates.end()) stopped_by->stop();
  called[key] += (called[key].empty() ? "" : " ") + step;
}

// Every step takes text and returns longer text, so that they fit in any order.
auto adds(const char* name) {
  return [name](const std::string& text, pawl::context& ctx) {
    note(ctx, name);
    return text + " " + name;
  };
}
auto fetch() { return pawl::step<"fetch">(adds("fetch")); }
auto read() { return pawl::step<"read">(adds("read")).keep(); }
auto parse() { return pawl::pure<"parse">(adds("parse")); }
auto check() { return pawl::step<"check">(adds("check")); }
auto write() { return pawl::step<"write">(adds("write")); }
auto notify() { return pawl::step<"notify">(adds("notify")); }

const lines keys{"1", "2", "3", "4"};

std::string calls() {
  std::string text;
  for (const auto& [key, steps] : called) text += (text.empty() ? "" : "; ") + key + ": " + steps;
  return text;
}

pawl::run_options rerun() {
  pawl::run_options options;
  options.on_changed_chain = pawl::on_changed_chain::rerun;
  return options;
}

// What the program of today comes to with what the old one left.
struct outcome {
  lines changes{};         // of plan and report
  std::string planned{};   // the counts that are not zero
  lines done_again{};      // of the plan
  std::string calls{};
  std::string states{};
  std::string reported{};  // the counts that are not zero
  std::string reason{};    // of the first held one
  std::string rerun{};     // which calls a further run makes that may repeat effects
};

// A state in which the old program left: 1 failed in its first step, 2 stopped behind the first, 3 behind the second (or
// before the last one), 4 done.
class story {
public:
  template <class In, class Out, class Make>
  story(const pawl::workflow_of<In, Out>& old, const std::string& first, const std::string& second, Make input) {
    stopped_by = &engine;
    fates = {{"1 " + first, fate::fails}, {"2 " + first, fate::is_stopped_after}, {"3 " + second, fate::is_stopped_after}};
    for (const std::string& key : keys) static_cast<void>(engine.run(old, std::vector<In>{input(key)}));
    fates.clear();
    called.clear();
    REQUIRE(states() == "1 failed 0, 2 in_progress 1, 3 in_progress 2, 4 done " + std::to_string(old.describe().steps.size()));
  }
  explicit story(const pawl::workflow_of<std::string, std::string>& old)
      : story(old, "read", "parse", [](const std::string& key) { return key; }) {}

  // Of each item its state and how many steps it has completed.
  [[nodiscard]] std::string states() const {
    std::string text;
    const pawl::state_view view(engine.state());
    for (const std::string& key : keys) {
      const auto item = view.item("w", key);
      REQUIRE(item);
      text += (text.empty() ? "" : ", ") + key + " " + std::string(name_of(item->state)) + " " +
              std::to_string(item->steps_completed);
    }
    return text;
  }

  template <class In, class Out>
  void go_on(const pawl::workflow_of<In, Out>& now, const outcome& expected, const std::vector<In>& source) {
    const pawl::plan plan = engine.plan(now);
    CHECK(plan.changes == expected.changes);
    CHECK(nonzero({{"start", plan.start},
                   {"go_on", plan.go_on},
                   {"redo_pure", plan.redo_pure},
                   {"redo_effects", plan.redo_effects},
                   {"held", plan.held},
                   {"stay", plan.stay}}) == expected.planned);
    CHECK(plan.done_again == expected.done_again);
    CHECK(called.empty());

    const pawl::report report = engine.run(now, source);
    CHECK(report.items == keys.size());
    CHECK(report.changes == expected.changes);
    CHECK(calls() == expected.calls);
    CHECK(states() == expected.states);
    CHECK(nonzero({{"done", report.done},
                   {"failed", report.failed},
                   {"settled_before", report.settled_before},
                   {"resumed", report.resumed},
                   {"steps_saved", report.steps_saved},
                   {"changed_inputs", report.changed_inputs},
                   {"redone", report.redone},
                   {"migrated", report.migrated},
                   {"held", report.held}}) == expected.reported);
    if (report.held != 0) CHECK(report.first_failures.at(0).reason == expected.reason);
    for (const std::string& change : expected.changes)
      CHECK_THAT(to_string(report), Contains("the chain changed: " + change));
    if (report.redone != 0)
      CHECK_THAT(to_string(report),
                 Contains(std::to_string(report.redone) + " did recorded steps again because the chain changed"));

    called.clear();
    CHECK(engine.run(now, source, rerun()).done == keys.size());
    CHECK(calls() == expected.rerun);
    called.clear();
    CHECK(engine.run(now, source, rerun()).settled_before == keys.size());  // and then nothing is left to do
    CHECK(called.empty());
  }
  void go_on(const pawl::workflow_of<std::string, std::string>& now, const outcome& expected) { go_on(now, expected, keys); }

private:
  static std::string nonzero(const std::vector<std::pair<std::string, std::uint64_t>>& counts) {
    std::string text;
    for (const auto& [name, count] : counts)
      if (count != 0) text += (text.empty() ? "" : ", ") + name + " " + std::to_string(count);
    return text;
  }

  const temp_dir dir_;

public:
  pawl::engine engine{dir_ / "state", quiet()};
};

std::string held_at_read(const std::string& change) {
  return change + "; to go on, the recorded effects from step 1 'read' on would be repeated; allow that with "
                  "run_options::on_changed_chain = rerun, or run the program that recorded them";
}

}  // namespace

TEST_CASE("changed program: nothing changed") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), parse(), write()),
             {.planned = "start 1, go_on 2, stay 1",
              .calls = "1: read parse write; 2: parse write; 3: write",
              .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 3"});
}

TEST_CASE("changed program: a step added at the end") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), parse(), write(), notify()),
             {.changes = {"step 4 'notify' was added"},
              .planned = "start 1, go_on 2, stay 1",
              .calls = "1: read parse write notify; 2: parse write notify; 3: write notify",
              .states = "1 done 4, 2 done 4, 3 done 4, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 3",
              .rerun = "4: notify"});
}

TEST_CASE("changed program: a step added in the middle") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), parse(), check(), write()),
             {.changes = {"step 3 'check' was put before 'write'"},
              .planned = "start 1, go_on 2, stay 1",
              .calls = "1: read parse check write; 2: parse check write; 3: check write",
              .states = "1 done 4, 2 done 4, 3 done 4, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 3",
              .rerun = "4: parse check write"});
}

TEST_CASE("changed program: a step added at the front") {
  const std::string change = "step 1 'fetch' was put before 'read'";
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(fetch(), read(), parse(), write()),
             {.changes = {change},
              .planned = "start 1, held 2, stay 1",
              .calls = "1: fetch read parse write",
              .states = "1 done 4, 2 failed 1, 3 failed 2, 4 done 3",
              .reported = "done 2, failed 2, settled_before 1, held 2",
              .reason = held_at_read(change),
              .rerun = "2: fetch read parse write; 3: fetch read parse write; 4: fetch read parse write"});
}

TEST_CASE("changed program: the last step removed") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), parse()), {.changes = {"step 3 'write' was removed"},
                                                    .planned = "start 1, go_on 2, stay 1",
                                                    .calls = "1: read parse; 2: parse",
                                                    .states = "1 done 2, 2 done 2, 3 done 2, 4 done 3",
                                                    .reported = "done 4, settled_before 1, resumed 2, steps_saved 3"});
}

TEST_CASE("changed program: a step in the middle removed") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), write()),
             {.changes = {"step 2 'parse' was removed"},
              .planned = "start 1, go_on 1, redo_pure 1, stay 1",
              .done_again = {"step 2 'write' and what follows for 1 items"},
              .calls = "1: read write; 2: write; 3: write",
              .states = "1 done 2, 2 done 2, 3 done 2, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
              .rerun = "4: write"});
}

TEST_CASE("changed program: the first step removed") {
  const std::string change = "step 1 'read' was removed";
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w", std::string>(parse(), write()),
             {.changes = {change},
              .planned = "start 1, held 2, stay 1",
              .calls = "1: parse write",
              .states = "1 done 2, 2 failed 1, 3 failed 2, 4 done 3",
              .reported = "done 2, failed 2, settled_before 1, held 2",
              .reason = held_at_read(change),
              .rerun = "2: parse write; 3: parse write; 4: parse write"});
}

TEST_CASE("changed program: a step renamed") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), pawl::pure<"analyse">(adds("analyse")), write()),
             {.changes = {"step 2 'parse' is now 'analyse'"},
              .planned = "start 1, go_on 1, redo_pure 1, stay 1",
              .done_again = {"step 2 'analyse' and what follows for 1 items"},
              .calls = "1: read analyse write; 2: analyse write; 3: analyse write",
              .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
              .rerun = "4: analyse write"});
}

TEST_CASE("changed program: a pure step with another version") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), parse().version(2), write()),
             {.changes = {"step 2 'parse': version 0 is now 2"},
              .planned = "start 1, go_on 1, redo_pure 1, stay 1",
              .done_again = {"step 2 'parse' and what follows for 1 items"},
              .calls = "1: read parse write; 2: parse write; 3: parse write",
              .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
              .rerun = "4: parse write"});
}

TEST_CASE("changed program: a pure step with another version, and nothing kept in front of it") {
  const std::string change = "step 2 'parse': version 0 is now 2";
  const auto bare = [] { return pawl::step<"read">(adds("read")); };
  story(pawl::workflow<"w">(bare(), parse(), write()))
      .go_on(pawl::workflow<"w">(bare(), parse().version(2), write()),
             {.changes = {change},
              .planned = "start 1, go_on 1, held 1, stay 1",
              .calls = "1: read parse write; 2: parse write",
              .states = "1 done 3, 2 done 3, 3 failed 2, 4 done 3",
              .reported = "done 3, failed 1, settled_before 1, resumed 1, steps_saved 1, held 1",
              .reason = held_at_read(change),
              .rerun = "3: read parse write; 4: read parse write"});
}

TEST_CASE("changed program: an effect with another version") {
  const std::string change = "step 1 'read': version 0 is now 2";
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read().version(2), parse(), write()),
             {.changes = {change},
              .planned = "start 1, held 2, stay 1",
              .calls = "1: read parse write",
              .states = "1 done 3, 2 failed 1, 3 failed 2, 4 done 3",
              .reported = "done 2, failed 2, settled_before 1, held 2",
              .reason = held_at_read(change),
              .rerun = "2: read parse write; 3: read parse write; 4: read parse write"});
}

TEST_CASE("changed program: steps reordered") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), write(), parse()),
             {.changes = {"step 2 'parse' is now 'write'"},
              .planned = "start 1, go_on 1, redo_pure 1, stay 1",
              .done_again = {"step 2 'write' and what follows for 1 items"},
              .calls = "1: read write parse; 2: write parse; 3: write parse",
              .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
              .rerun = "4: write parse"});
}

TEST_CASE("changed program: a step that is now pure") {
  const std::string change = "step 1 'read': kind step is now pure";
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(pawl::pure<"read">(adds("read")).keep(), parse(), write()),
             {.changes = {change},
              .planned = "start 1, held 2, stay 1",
              .calls = "1: read parse write",
              .states = "1 done 3, 2 failed 1, 3 failed 2, 4 done 3",
              .reported = "done 2, failed 2, settled_before 1, held 2",
              .reason = held_at_read(change),
              .rerun = "2: read parse write; 3: read parse write; 4: read parse write"});
}

TEST_CASE("changed program: a pure step that now has an effect") {
  story(pawl::workflow<"w">(read(), parse(), write()))
      .go_on(pawl::workflow<"w">(read(), pawl::step<"parse">(adds("parse")), write()),
             {.changes = {"step 2 'parse': kind pure is now step"},
              .planned = "start 1, go_on 1, redo_pure 1, stay 1",
              .done_again = {"step 2 'parse' and what follows for 1 items"},
              .calls = "1: read parse write; 2: parse write; 3: parse write",
              .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
              .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
              .rerun = "4: parse write"});
}

namespace {

struct parsed_1 {
  std::string text;
};
struct parsed_2 {
  std::string text;
  int length = 7;
};
auto parse_1() {
  return pawl::pure<"parse">([](const std::string& text, pawl::context& ctx) {
    note(ctx, "parse");
    return parsed_1{text};
  });
}
auto parse_2() {
  return pawl::pure<"parse">([](const std::string& text, pawl::context& ctx) {
    note(ctx, "parse");
    return parsed_2{text, 2};
  });
}
auto write_1() {
  return pawl::step<"write">([](const parsed_1& one, pawl::context& ctx) {
    note(ctx, "write");
    return one.text;
  });
}
auto write_2() {
  return pawl::step<"write">([](const parsed_2& one, pawl::context& ctx) {
    note(ctx, "write");
    return one.text + " " + std::to_string(one.length);
  });
}

}  // namespace

TEST_CASE("changed program: a result with a new field") {
  story one(pawl::workflow<"w">(read(), parse_1(), write_1()));
  const auto now = pawl::workflow<"w">(read(), parse_2(), write_2());
  // The step is another one, so it is done again, not read with the field's default.
  one.go_on(now, {.changes = {"step 2 'parse': the schema of its result changed"},
                  .planned = "start 1, go_on 1, redo_pure 1, stay 1",
                  .done_again = {"step 2 'parse' and what follows for 1 items"},
                  .calls = "1: read parse write; 2: parse write; 3: parse write",
                  .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
                  .reported = "done 4, settled_before 1, resumed 2, steps_saved 2, redone 1",
                  .rerun = "4: parse write"});
  CHECK(one.engine.result(now, "3") == "3 read 2");
}

TEST_CASE("changed program: a last result with a new field") {
  story one(pawl::workflow<"w">(read(), check(), parse_1()), "read", "check", [](const std::string& key) { return key; });
  const auto now = pawl::workflow<"w">(read(), check(), parse_2());
  CHECK(one.engine.result(now, "4")->text == "4 read check");
  CHECK(one.engine.result(now, "4")->length == 7);  // the member's initialiser
}

TEST_CASE("changed program: a migrated result") {
  story one(pawl::workflow<"w">(read(), parse_1(), write_1()));
  const auto now = pawl::workflow<"w">(
      read(), parse_2().version(1).migrate([](const parsed_1& old) { return parsed_2{old.text, 12}; }), write_2());
  one.go_on(now, {.changes = {"step 2 'parse': results of version 0 are migrated to version 1"},
                  .planned = "start 1, go_on 2, stay 1",
                  .calls = "1: read parse write; 2: parse write; 3: write",
                  .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
                  .reported = "done 4, settled_before 1, resumed 2, steps_saved 3, migrated 1"});
  CHECK(one.engine.result(now, "3") == "3 read 12");
  CHECK(one.engine.result(now, "2") == "2 read 2");
}

namespace {

struct order_1 {
  std::string id;
  std::string what;
};
struct order_2 {
  std::string id;
  std::string what;
  int priority = 5;
};
struct order_3 {  // of which an older one cannot be read
  std::string id;
  std::vector<double> what;
};
struct bare_order {  // without a codec
  explicit bare_order(std::string name) : id(std::move(name)) {}
  bare_order(const bare_order&) = default;
  virtual ~bare_order() = default;
  std::string id;
};

template <class Order>
auto taking() {
  return pawl::step<"read">([](const Order& one, pawl::context& ctx) {
           note(ctx, "read");
           if constexpr (requires { one.priority; }) return one.id + std::to_string(one.priority);
           else return one.id;
         }).keep();
}
template <class Order>
auto orders() {
  return pawl::workflow<"w">(taking<Order>(), parse(), write()).key(&Order::id);
}
template <class Order>
std::vector<Order> orders_of(int priority) {
  std::vector<Order> all;
  for (const std::string& key : keys) {
    if constexpr (std::is_same_v<Order, order_2>) all.push_back({key, "tea", priority});
    else all.emplace_back(key);
  }
  return all;
}
order_1 order_of(const std::string& key) { return {key, "tea"}; }

const std::string input_changed = "the schema of the input changed; recorded inputs are read by field name";

}  // namespace

TEST_CASE("changed program: an input with a new field") {
  story one(orders<order_1>(), "read", "parse", order_of);
  one.go_on(orders<order_2>(),
            {.changes = {input_changed},
             .planned = "start 1, go_on 2, stay 1",
             .calls = "1: read parse write; 2: parse write; 3: write",
             .states = "1 done 3, 2 done 3, 3 done 3, 4 done 3",
             .reported = "done 4, settled_before 1, resumed 2, steps_saved 3"},
            orders_of<order_2>(5));
  // Items that ended under the new chain with an input recorded under the old one are not taken for changed ones.
  const pawl::report again = one.engine.run(orders<order_2>(), orders_of<order_2>(5));
  CHECK(again.settled_before == 4);
  CHECK(again.changed_inputs == 0);
  CHECK(called.empty());
  CHECK(one.engine.run(orders<order_1>(), std::vector<order_1>{order_of("2")}).settled_before == 1);
}

TEST_CASE("changed program: an input with a new field, without the source") {
  story one(orders<order_1>(), "read", "parse", order_of);
  const pawl::report report = one.engine.resume(orders<order_2>());
  CHECK(report.done == 3);
  CHECK(report.changes == lines{input_changed});
  CHECK(calls() == "1: read parse write; 2: parse write; 3: write");
  CHECK(one.engine.result(orders<order_2>(), "1") == "15 parse write");  // the new field's default
}

TEST_CASE("changed program: an input that cannot be read any more") {
  story one(orders<order_1>(), "read", "parse", order_of);
  const pawl::report report = one.engine.resume(orders<order_3>());
  CHECK(report.done == 2);  // those need it no more
  CHECK(report.failed == 1);
  CHECK(calls() == "2: parse write; 3: write");
  REQUIRE(report.first_failures.size() == 1);
  CHECK(report.first_failures[0].key == "1");
  CHECK_THAT(report.first_failures[0].reason, Contains("what"));
  CHECK(one.states() == "1 failed 0, 2 done 3, 3 done 3, 4 done 3");
}

TEST_CASE("changed program: an input that has no codec any more") {
  story one(orders<order_1>(), "read", "parse", order_of);
  const pawl::report report = one.engine.run(orders<bare_order>(), orders_of<bare_order>(0));
  CHECK(report.done == 4);
  CHECK(report.changed_inputs == 0);
  CHECK(calls() == "1: read parse write; 2: parse write; 3: write");
}

TEST_CASE("changed program: an input that was its own key is not made of a key any more, and not made up") {
  story one(pawl::workflow<"w">(read(), parse(), write()));
  SECTION("because the workflow has another input, which is called like that") {
    const pawl::report report = one.engine.resume(orders<order_2>());
    CHECK(report.done == 2);
    CHECK(report.left == 1);
    CHECK(report.first_left.at(0).key == "1");
    CHECK(calls() == "2: parse write; 3: write");
    called.clear();
    CHECK(one.engine.run(orders<order_2>(), orders_of<order_2>(1)).done == 4);
    CHECK(calls() == "1: read parse write");
  }
  SECTION("because its key is a number now") {
    const auto numbers = pawl::workflow<"w">(pawl::step<"read">([](int n, pawl::context& ctx) {
                                               note(ctx, "read");
                                               return std::to_string(n);
                                             }).keep(),
                                             parse(), write());
    const pawl::report report = one.engine.resume(numbers);
    CHECK(report.done == 2);
    CHECK(report.left == 1);
    CHECK(calls() == "2: parse write; 3: write");
  }
}
