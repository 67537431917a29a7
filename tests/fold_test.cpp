#include "record/fold.hpp"

#include "support/catch.hpp"
#include "support/checkpoints.hpp"

#include <pawl/error.hpp>

using namespace pawl;
using namespace pawl::core;
using namespace pawl::test;

namespace {

const std::string key = text_key("item");

// A row and everything that its views point into.
struct folded {
  row now;
  std::vector<checkpoint_group> groups;
  std::uint32_t sequence = 0;

  folded() { groups.reserve(64); }
  bool take(checkpoint_kind kind, said what) {
    what.sequence = ++sequence;
    groups.emplace_back().add(kind, what);
    return fold(now, groups.back().only());
  }
  folded& admitted(const std::string& input = "input") {
    take(checkpoint_kind::admitted, {.text = key, .payload = input.empty() ? "" : payload_of(9, input), .detail = 77});
    return *this;
  }
  folded& completed(std::uint16_t step, const std::string& result, std::uint8_t flags = 0) {
    take(checkpoint_kind::completed, {.step = step,
                                      .payload = result.empty() ? "" : payload_of(10u + step, result),
                                      .flags = flags,
                                      .detail = 1000u + step,
                                      .attempt = step + 1u});
    return *this;
  }
  std::string value(std::uint16_t number) const {
    const row_value* found = now.value(number);
    return found == nullptr ? "none" : text_of(found->bytes);
  }
};

}  // namespace

TEST_CASE("an admitted item is pending and has its key, input and digest") {
  folded item;
  item.admitted();
  CHECK(item.now.state == item_state::pending);
  CHECK(item.now.key == key);
  CHECK(item.value(0) == "input");
  CHECK(item.now.value(0)->schema_hash == 9);
  CHECK(item.now.input_digest == 77);
  CHECK_FALSE(item.now.input_is_key);
}

TEST_CASE("the latest result replaces the one before, and the input stays until the end") {
  folded item;
  item.admitted().completed(0, "one").completed(1, "two");
  CHECK(item.now.state == item_state::in_progress);
  CHECK(item.now.reached == 2);
  CHECK(item.now.result_number == 2);
  CHECK(item.value(0) == "input");
  CHECK(item.value(1) == "none");
  CHECK(item.value(2) == "two");
  REQUIRE(item.now.times.size() == 2);
  CHECK(item.now.times[1].took_ns == 1001);
  CHECK(item.now.times[1].attempts == 2);
}

TEST_CASE("a kept result stays beside later ones") {
  folded item;
  item.admitted()
      .completed(0, "one", checkpoint_flag::keep)
      .completed(1, "two")
      .completed(2, "three", checkpoint_flag::last);
  CHECK(item.now.state == item_state::done);
  CHECK(item.value(1) == "one");
  CHECK(item.value(2) == "none");
  CHECK(item.value(3) == "three");
  CHECK(item.now.result_number == 3);
}

TEST_CASE("a step without a result leaves the latest result as it is") {
  folded item;
  item.admitted().completed(0, "one").completed(1, "");
  CHECK(item.now.reached == 2);
  CHECK(item.now.result_number == 1);
  CHECK(item.value(1) == "one");
  folded nothing;
  nothing.admitted().completed(0, "");
  CHECK(nothing.now.result_number == 0);
  CHECK(nothing.value(0) == "input");
}

TEST_CASE("a done item has no input and no error, and its result unless it is discarded") {
  folded item;
  item.admitted();
  item.take(checkpoint_kind::attempt_failed, {.text = "oops", .detail = 5});
  item.completed(0, "one", checkpoint_flag::last);
  CHECK(item.now.error.empty());
  CHECK(item.now.attempts == 0);
  CHECK(item.value(0) == "none");
  CHECK(item.value(1) == "one");
  folded discarded;
  discarded.admitted().completed(0, "one", checkpoint_flag::last | checkpoint_flag::discard);
  CHECK(discarded.now.values.empty());
  CHECK(discarded.now.result_number == 0);
  CHECK(discarded.now.times.size() == 1);
}

TEST_CASE("a failed attempt leaves the error, the number of attempts and what remains of the back-off") {
  folded item;
  item.admitted();
  item.take(checkpoint_kind::attempt_failed, {.text = "oops", .detail = 500, .attempt = 2});
  CHECK(item.now.state == item_state::in_progress);
  CHECK(item.now.error == "oops");
  CHECK(item.now.attempts == 2);
  CHECK(item.now.delay_ns == 500);
  item.take(checkpoint_kind::interrupted, {.detail = 200});
  CHECK(item.now.delay_ns == 200);
  CHECK(item.now.error == "oops");
  CHECK(item.now.attempts == 2);
}

TEST_CASE("a failed item keeps what it needs to go on, and says whether it is sticky") {
  folded item;
  item.admitted().completed(0, "one");
  item.take(checkpoint_kind::failed, {.step = 1, .text = "dead", .flags = checkpoint_flag::sticky, .attempt = 5});
  CHECK(item.now.state == item_state::failed);
  CHECK(item.now.sticky);
  CHECK(item.now.error == "dead");
  CHECK(item.now.attempts == 5);
  CHECK(item.value(0) == "input");
  CHECK(item.value(1) == "one");
  CHECK(item.now.times.size() == 2);
  item.completed(1, "two", checkpoint_flag::last);
  CHECK(item.now.state == item_state::done);
  CHECK_FALSE(item.now.sticky);
  CHECK(item.now.times.size() == 2);
}

TEST_CASE("a skipped item keeps its reason and nothing to go on with") {
  folded item;
  item.admitted().completed(0, "one");
  item.take(checkpoint_kind::skipped, {.step = 1, .text = "binary"});
  CHECK(item.now.state == item_state::skipped);
  CHECK(item.now.error == "binary");
  CHECK(item.now.values.empty());
  CHECK(item.now.result_number == 0);
}

TEST_CASE("a reset goes back to a step with what is left of the results") {
  folded item;
  item.admitted()
      .completed(0, "one", checkpoint_flag::keep)
      .completed(1, "two")
      .completed(2, "three", checkpoint_flag::last);
  item.take(checkpoint_kind::reset, {.step = 1, .detail = 78, .revision = 2, .generation = 1});
  CHECK(item.now.state == item_state::in_progress);
  CHECK(item.now.reached == 1);
  CHECK(item.now.revision == 2);
  CHECK(item.now.generation == 1);
  CHECK(item.now.input_digest == 78);
  CHECK(item.now.result_number == 1);
  CHECK(item.value(1) == "one");
  CHECK(item.value(3) == "none");
  CHECK(item.now.times.size() == 1);
}

TEST_CASE("a reset to a step whose input is not stored leaves no result") {
  folded item;
  item.admitted().completed(0, "one").completed(1, "two").completed(2, "three");
  item.take(checkpoint_kind::reset, {.step = 1, .detail = 77});
  CHECK(item.now.result_number == 0);
  CHECK(item.value(0) == "input");
}

TEST_CASE("a reset to the beginning takes the new input or leaves the stored one") {
  folded item;
  item.admitted().completed(0, "one");
  item.take(checkpoint_kind::reset, {.payload = payload_of(9, "changed"), .detail = 80, .generation = 1});
  CHECK(item.now.state == item_state::pending);
  CHECK(item.value(0) == "changed");
  item.take(checkpoint_kind::reset, {.detail = 80, .generation = 2});
  CHECK(item.value(0) == "changed");
  item.take(checkpoint_kind::reset, {.flags = checkpoint_flag::input_is_key, .detail = 80, .generation = 3});
  CHECK(item.value(0) == "none");
  CHECK(item.now.input_is_key);
}

TEST_CASE("old news change nothing") {
  folded item;
  item.admitted().completed(0, "one").completed(1, "two");
  CHECK_FALSE(fold(item.now, item.groups[0].only()));
  CHECK_FALSE(fold(item.now, item.groups[1].only()));
  CHECK_FALSE(fold(item.now, item.groups[2].only()));
  CHECK(item.now.reached == 2);
  CHECK(item.value(2) == "two");
}

TEST_CASE("what cannot follow the row is refused") {
  folded never;
  CHECK_THROWS_AS(never.completed(0, "one"), error);
  folded twice;
  twice.admitted();
  CHECK_THROWS_AS(twice.admitted(), error);
  folded gap;
  gap.admitted();
  CHECK_THROWS_AS(gap.completed(1, "two"), error);
  folded no_schema;
  no_schema.admitted();
  CHECK_THROWS_AS(no_schema.take(checkpoint_kind::completed, {.payload = "short"}), error);
}

TEST_CASE("a large result is a name, and an error is cut to its limit") {
  folded item;
  item.admitted();
  item.take(checkpoint_kind::completed,
            {.payload = payload_of(large_object{5, 6, 7, 8, 9, 0}), .flags = checkpoint_flag::large});
  REQUIRE(item.now.value(1) != nullptr);
  CHECK(item.now.value(1)->place == value_place::file);
  CHECK(item.now.value(1)->schema_hash == 5);
  CHECK(item.now.value(1)->epoch == 6);
  CHECK(item.now.value(1)->file_number == 7);
  CHECK(item.now.value(1)->size == 8);
  CHECK(item.now.value(1)->crc == 9);
  item.take(checkpoint_kind::failed, {.step = 1, .text = std::string(100'000, 'e')});
  CHECK(item.now.error.size() == error_size_max);
}
