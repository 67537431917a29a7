#include "run/verdict.hpp"
#include "store/workflows.hpp"
#include "support/catch.hpp"

#include <pawl/codec.hpp>

#include <string>
#include <vector>

using namespace pawl;
using namespace pawl::core;

namespace {

constexpr std::uint64_t number_schema = 7;

const detail::value_type a_value{.size = 8, .align = 8, .cpp_name = "int", .destroy = nullptr, .copy = nullptr,
                                 .move = nullptr, .describe = nullptr, .encode = nullptr, .decode = nullptr, .same = nullptr};

step_identity effect(std::string name, std::uint32_t version = 0) {
  return {std::move(name), step_kind::effect, version, number_schema, false};
}
step_identity pure_step(std::string name, std::uint32_t version = 0) {
  return {std::move(name), step_kind::pure, version, number_schema, false};
}

// A recorded chain (revision 0) and today's (revision 1), and what is decided of an item of the recorded one.
struct story {
  explicit story(std::vector<step_identity> recorded, std::vector<step_identity> today) {
    record.name = "story";
    record.revisions.push_back({0, number_schema, false, std::move(recorded)});
    record.revisions.push_back({1, number_schema, false, today});
    record.current = 1;
    chain.input = &a_value;
    for (const step_identity& one : today) {
      detail::erased_step step;
      step.name = one.name;
      step.kind = one.kind;
      step.result = one.result_schema != 0 ? &a_value : nullptr;
      chain.steps.push_back(step);
    }
  }

  [[nodiscard]] verdict decide(const stored_item& item, bool rerun = false, bool input_at_hand = true) const {
    const value_layout layout(chain);
    return verdict_maker(record, layout, {.retry_failed = true, .rerun_changed = rerun}).decide(item, input_at_hand);
  }

  workflow_record record;
  detail::chain chain;
};

stored_item at(std::uint16_t reached, item_state state = item_state::in_progress) {
  stored_item item;
  item.state = state;
  item.reached = reached;
  item.input.present = state != item_state::done;
  item.result.present = reached > 0;
  item.result.schema_hash = number_schema;
  item.result_step = reached;
  return item;
}

}  // namespace

TEST_CASE("an item whose chain is the same goes on at the step it had reached") {
  const story same({effect("read"), pure_step("parse"), effect("write")}, {effect("read"), pure_step("parse"), effect("write")});
  CHECK(same.decide(at(0, item_state::pending)).kind == verdict_kind::start);
  const verdict said = same.decide(at(2));
  CHECK(said.kind == verdict_kind::go_on);
  CHECK(said.step == 2);
  CHECK(same.decide(at(3, item_state::done)).kind == verdict_kind::stay);
  CHECK(same.decide(at(1, item_state::failed)).step == 1);
}

TEST_CASE("an item that had not reached the changed step goes on as if nothing had changed") {
  const story changed({effect("read"), pure_step("parse"), effect("write")}, {effect("read"), pure_step("parse", 2), effect("write")});
  const verdict said = changed.decide(at(1));
  CHECK(said.kind == verdict_kind::go_on);
  CHECK(said.step == 1);
  CHECK_FALSE(said.changed_chain);
}

TEST_CASE("pure steps that changed are done again where the value before them is stored") {
  const story changed({effect("read"), pure_step("parse"), effect("write")}, {effect("read"), pure_step("parse", 2), effect("write")});
  stored_item item = at(2);  // latest result: parse's; read's was not kept, the input is at hand
  const verdict held = changed.decide(item);
  CHECK(held.kind == verdict_kind::held);
  CHECK(held.reason.find("'parse': version 0 is now 2") != std::string::npos);
  CHECK(held.reason.find("'read'") != std::string::npos);
  stored_payload kept;
  kept.present = true;
  kept.schema_hash = number_schema;
  item.kept.emplace_back(std::uint16_t{1}, kept);
  const verdict said = changed.decide(item);
  CHECK(said.kind == verdict_kind::redo_pure);
  CHECK(said.step == 1);
}

TEST_CASE("recorded effects are repeated only where the options say so") {
  const story changed({effect("read"), effect("write"), effect("notify")}, {effect("read", 1), effect("write"), effect("notify")});
  CHECK(changed.decide(at(2)).kind == verdict_kind::held);
  const verdict said = changed.decide(at(2), true);
  CHECK(said.kind == verdict_kind::redo_effects);
  CHECK(said.step == 0);
}

TEST_CASE("done items stay done when the chain changes, unless a rerun is asked for") {
  const story longer({effect("read")}, {effect("read"), effect("publish")});
  CHECK(longer.decide(at(1, item_state::done)).kind == verdict_kind::stay);
  const verdict said = longer.decide(at(1, item_state::done), true);
  CHECK(said.kind == verdict_kind::go_on);  // nothing is done again: only the new step is to be done
  CHECK(said.step == 1);
}

TEST_CASE("a done item whose chain only lost its last steps has nothing left to do") {
  const story shorter({effect("read"), effect("publish")}, {effect("read")});
  CHECK(shorter.decide(at(2, item_state::done), true).kind == verdict_kind::stay);
}

TEST_CASE("without its input an item cannot go back to the start") {
  const story changed({pure_step("parse")}, {pure_step("parse", 1), effect("write")});
  stored_item item = at(1);
  item.input.present = false;
  CHECK(changed.decide(item, true, false).kind == verdict_kind::held);
  CHECK(changed.decide(item, false, true).kind == verdict_kind::redo_pure);
  item.input_is_key = true;
  CHECK(changed.decide(item, false, false).kind == verdict_kind::held);  // today's input is not its own key
  story by_key({pure_step("parse")}, {pure_step("parse", 1), effect("write")});
  for (chain_revision& one : by_key.record.revisions) one.input_is_key = true;
  CHECK(by_key.decide(item, false, false).kind == verdict_kind::redo_pure);
  by_key.record.revisions[0].input_schema = number_schema + 1;  // it was another type's key
  CHECK(by_key.decide(item, false, false).kind == verdict_kind::held);
}

TEST_CASE("an input of another schema is told, makes no step another, and its digest is compared with no other's") {
  story changed({effect("read")}, {effect("read")});
  changed.record.revisions[0].input_schema = number_schema + 1;
  const value_layout layout(changed.chain);
  const verdict_maker verdicts(changed.record, layout, {});
  const chain_difference& told = verdicts.difference(0);
  CHECK(told.identical);
  CHECK(told.same_steps == 1);
  std::vector<std::string> said;
  tell_changes(told, said);
  CHECK(said == std::vector<std::string>{"the schema of the input changed; recorded inputs are read by field name"});
  CHECK_FALSE(verdicts.inputs_alike());
  changed.record.revisions[0].input_schema = 0;  // it had no codec: nothing of it is stored
  CHECK(verdict_maker(changed.record, layout, {}).inputs_alike());
}

TEST_CASE("a step reads the item's input or an earlier result: both must be there to go on") {
  story same({effect("read"), effect("write")}, {effect("read"), effect("write")});
  same.chain.steps[1].reads = {0};
  stored_item item = at(1);
  CHECK(same.decide(item, false, false).kind == verdict_kind::go_on);
  item.input.present = false;
  CHECK(same.decide(item, false, false).kind == verdict_kind::held);
}

TEST_CASE("a void step passes on the value before it") {
  const step_identity silent{"log", step_kind::effect, 0, 0, false};
  const story same({effect("read"), silent, effect("write")}, {effect("read"), silent, effect("write")});
  stored_item item = at(2);
  item.result_step = 1;
  const verdict said = same.decide(item);
  CHECK(said.kind == verdict_kind::go_on);
  CHECK(said.step == 2);
}

TEST_CASE("sticky failures stay, others are tried again, and an option keeps them all") {
  const story same({effect("read")}, {effect("read")});
  stored_item failed = at(0, item_state::failed);
  CHECK(same.decide(failed).kind == verdict_kind::start);
  failed.sticky = true;
  CHECK(same.decide(failed).kind == verdict_kind::stay);
  failed.sticky = false;
  const value_layout layout(same.chain);
  CHECK(verdict_maker(same.record, layout, {.retry_failed = false}).decide(failed, true).kind == verdict_kind::stay);
}

namespace {

constexpr std::uint64_t old_schema = 8;
const schema& text_schema() { return schema_of<std::string>(); }
const detail::value_type a_text{.size = 8, .align = 8, .cpp_name = "text", .destroy = nullptr, .copy = nullptr,
                                .move = nullptr, .describe = &text_schema, .encode = nullptr, .decode = nullptr, .same = nullptr};

// "parse" returned text in version 1, and today's migrates it.
struct migrated_story : story {
  migrated_story()
      : story({effect("read"), text_step(), effect("write")},
              {effect("read"), pure_step("parse", 2), effect("write")}) {
    chain.steps[1].migrations.push_back({&a_text, nullptr, nullptr});
  }
  static step_identity text_step() { return {"parse", step_kind::pure, 1, text_schema().hash(), false}; }
};

}  // namespace

TEST_CASE("a step whose older results are migrated is the same step") {
  const migrated_story story;
  stored_item item = at(2);
  item.result.schema_hash = text_schema().hash();
  const verdict said = story.decide(item);
  CHECK(said.kind == verdict_kind::go_on);
  CHECK(said.step == 2);
  CHECK_FALSE(said.changed_chain);
  // Ended items have nothing to do, also where a changed chain is done again.
  CHECK(story.decide(at(3, item_state::done), true).kind == verdict_kind::stay);
  CHECK(story.decide(at(2, item_state::skipped), true).kind == verdict_kind::stay);
  const value_layout layout(story.chain);
  const chain_difference told = compare_chains(story.record.revisions[0], story.record.revisions[1], &layout);
  CHECK(told.identical);
  CHECK(told.same_steps == 3);
  CHECK(told.migrations == std::vector<std::string>{"step 2 'parse': results of version 1 are migrated to version 2"});
  CHECK_FALSE(compare_chains(story.record.revisions[0], story.record.revisions[1]).identical);
}

TEST_CASE("only results of lower versions, of the same kind, with the schema that is taken, are migrated") {
  const auto same_steps = [](auto change) {
    migrated_story story;
    change(story);
    const value_layout layout(story.chain);
    return compare_chains(story.record.revisions[0], story.record.revisions[1], &layout).same_steps;
  };
  CHECK(same_steps([](migrated_story&) {}) == 3);
  CHECK(same_steps([](migrated_story& one) { one.record.revisions[0].steps[1].version = 2; }) == 1);
  CHECK(same_steps([](migrated_story& one) { one.record.revisions[0].steps[1].version = 3; }) == 1);
  CHECK(same_steps([](migrated_story& one) { one.record.revisions[0].steps[1].kind = step_kind::effect; }) == 1);
  CHECK(same_steps([](migrated_story& one) { one.record.revisions[0].steps[1].result_schema = old_schema; }) == 1);
}

TEST_CASE("what is stored of a value is told by its own schema, not by the revision of its item") {
  const migrated_story story;
  stored_item item = at(2);
  item.revision = 1;  // a failed attempt under today's chain
  item.result.schema_hash = text_schema().hash();
  CHECK(story.decide(item).kind == verdict_kind::go_on);
  item.result.schema_hash = old_schema;  // no migration takes that
  const verdict held = story.decide(item);
  CHECK(held.kind == verdict_kind::held);
  CHECK(held.reason.find("as an older version returned it, and no .migrate takes that") != std::string::npos);
  // Today's own schema under a revision that had another one is older still.
  item.revision = 0;
  item.result.schema_hash = number_schema;
  CHECK(story.decide(item).kind == verdict_kind::held);
}

TEST_CASE("a difference is told in words") {
  const auto text = [](step_identity a, step_identity b) {
    return compare_chains({0, 0, false, {std::move(a)}}, {1, 0, false, {std::move(b)}}).text;
  };
  CHECK(text(effect("a"), effect("b")) == "step 1 'a' is now 'b'");
  CHECK(text(effect("a"), pure_step("a")) == "step 1 'a': kind step is now pure");
  CHECK(text(effect("a", 1), effect("a", 3)) == "step 1 'a': version 1 is now 3");
  step_identity other = effect("a");
  other.result_schema = 8;
  CHECK(text(effect("a"), other) == "step 1 'a': the schema of its result changed");
  CHECK(compare_chains({0, 0, false, {effect("a")}}, {1, 0, false, {effect("a"), effect("b")}}).text ==
        "step 2 'b' was added");
  CHECK(compare_chains({0, 0, false, {effect("a"), effect("b")}}, {1, 0, false, {effect("a"), effect("x"), effect("b")}}).text ==
        "step 2 'x' was put before 'b'");
  CHECK(compare_chains({0, 0, false, {effect("a"), effect("b")}}, {1, 0, false, {effect("b")}}).text ==
        "step 1 'a' was removed");
  CHECK(compare_chains({0, 0, false, {effect("a"), effect("b")}}, {1, 0, false, {effect("a")}}).text ==
        "step 2 'b' was removed");
}

TEST_CASE("which step of an item's own revision a step is, is told by its name") {
  const story moved({pure_step("read"), effect("check"), effect("loop")}, {pure_step("read"), effect("loop"), effect("end")});
  stored_item item = at(2);
  item.revision = 0;
  CHECK(step_in_own_revision(moved.record, item, 0, 2) == 2);
  CHECK(step_in_own_revision(moved.record, item, 1, 1) == 2);
  CHECK(step_in_own_revision(moved.record, item, 1, 0) == 0);
  CHECK_FALSE(step_in_own_revision(moved.record, item, 1, 2));  // "end" is new
  CHECK_FALSE(step_in_own_revision(moved.record, item, 1, 3));
  CHECK_FALSE(step_in_own_revision(moved.record, item, 7, 1));
  item.revision = 7;  // not recorded
  CHECK_FALSE(step_in_own_revision(moved.record, item, 1, 1));
}
