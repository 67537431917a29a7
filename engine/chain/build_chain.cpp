// Puts drafts and links together into the erased chain, and refuses what makes no
// sense in its place. Knows no types.
#include <pawl/detail/chain_draft.hpp>
#include <pawl/detail/step_draft.hpp>
#include <pawl/error.hpp>
#include <pawl/options.hpp>
#include <pawl/schema.hpp>

#include <string>
#include <utility>

namespace pawl::detail {
namespace {

constexpr double done_for_s_max = 1000 * 365.25 * 86400;

std::string child_name(const std::string& parent, const erased_step& step, const chain& children) {
  const std::string name = parent + "/" + step.name;
  return step.kind == step_kind::parallel ? name + "/" + children.steps.front().name : name;
}

erased_step put_together(const step_draft& draft, const void* self, const link& link) {
  erased_step step = draft.step();
  step.result = link.result == nullptr ? nullptr : &link.result();
  step.self = self;
  step.call = link.call;
  step.call_batch = link.call_batch;
  step.consumes = link.consumes;
  for (const std::uint16_t number : link.reads)
    if (number != no_value) step.reads.push_back(number);
  return step;
}

// A child that was removed while its parent is unfinished would be done again.
void check_children(const chain& chain, const erased_step& step) {
  for (const auto& children : step.fan->chains)
    if (children->retain)
      throw error(errc::bad_argument, "workflow '" + chain.name + "': step '" + step.name +
                                          "': the workflow of its children says .retain, but which of them are done is "
                                          "needed until their parent is; leave it out, and prune them when parents are done");
}

void check_options(const chain& chain, std::size_t place) {
  const erased_step& step = chain.steps[place];
  const auto refuse = [&](const std::string& what) {
    throw error(errc::bad_argument, "workflow '" + chain.name + "': step '" + step.name + "': " + what);
  };
  if (step.result == nullptr && step.keep) refuse("it returns nothing, so .keep() has nothing to keep; drop it");
  if (step.result == nullptr && step.discard)
    refuse("it returns nothing, so .discard() has nothing to discard; drop it");
  if (step.discard && step.keep) refuse(".keep() and .discard() contradict each other; drop one");
  if (step.discard && place + 1 != chain.steps.size())
    refuse(".discard() is for the last step; results of earlier ones are not kept anyway, unless by .keep()");
}

// What is stored carries its schema, and that is what a migration is found by.
void check_migrations(const chain& chain, const erased_step& step) {
  const auto refuse = [&](const std::string& what) {
    throw error(errc::bad_argument, "workflow '" + chain.name + "': step '" + step.name + "': .migrate " + what);
  };
  if (step.version == 0) refuse("takes results of older versions, and there are none below 0; add .version(n)");
  if (step.discard) refuse("takes a recorded result, and .discard() leaves none; drop one");
  for (std::size_t i = 0; i < step.migrations.size(); ++i) {
    const value_type& old = *step.migrations[i].from;
    const std::string named =
        "takes " + std::string(old.cpp_name) + ", which is recorded as " + old.describe().to_string();
    if (old.describe().hash() == step.result->describe().hash())
      refuse(named +
             " just like the step's result: stored ones could not be told apart; give one of them another field");
    for (std::size_t j = 0; j < i; ++j)
      if (old.describe().hash() == step.migrations[j].from->describe().hash())
        refuse(named + " just like what another .migrate of the step takes; drop one");
  }
}

// The chains of children are named by where they stand, so that one workflow can be the child of several steps.
std::shared_ptr<const chain> renamed(const chain& from, const std::string& name) {
  const auto built = std::make_shared<chain>(from);
  built->name = name;
  for (erased_step& step : built->steps)
    if (step.fan)
      for (auto& children : step.fan->chains) children = renamed(*children, child_name(name, step, *children));
  return built;
}

}  // namespace

std::shared_ptr<const chain> build_chain(std::string_view name, const input_facts& input,
                                         std::span<const step_draft* const> drafts, std::span<const void* const> selves,
                                         std::span<const link> links, std::shared_ptr<const void> owner) {
  const auto built = std::make_shared<chain>();
  built->name = name;
  built->input = input.type;
  built->output = input.type;
  built->key = input.key;
  built->input_is_key = input.from_key != nullptr;
  built->input_from_key = input.from_key;
  built->owner = std::move(owner);
  for (std::size_t place = 0; place < drafts.size(); ++place) {
    built->steps.push_back(put_together(*drafts[place], selves[place], links[place]));
    erased_step& step = built->steps.back();
    if (step.result != nullptr) built->output = step.result;
    if (!step.fan) continue;
    check_children(*built, step);
    for (auto& children : step.fan->chains) children = renamed(*children, child_name(built->name, step, *children));
  }
  for (std::size_t place = 0; place < drafts.size(); ++place) check_options(*built, place);
  for (const erased_step& step : built->steps)
    if (!step.migrations.empty()) check_migrations(*built, step);
  // What a later step reads must still be there when that step is resumed.
  for (std::size_t place = 0; place < drafts.size(); ++place)
    for (const std::uint16_t number : built->steps[place].reads)
      if (number > 0) built->steps[number - 1u].keep = true;
  return built;
}

std::shared_ptr<const chain> chain_with_key(const chain& from, void (*key)(const void*, const void*, key_sink&),
                                            std::shared_ptr<const void> key_self) {
  const auto built = std::make_shared<chain>(from);
  built->key = key;
  built->key_self = key_self.get();
  built->input_is_key = false;
  built->input_from_key = nullptr;
  using both = std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>;
  built->owner = std::make_shared<const both>(from.owner, std::move(key_self));
  return built;
}

retain_rule retain_rule_of(const retain_options& limits, std::string_view who) {
  const auto refuse = [&](const char* what) { throw error(errc::bad_argument, std::string(who) + ": " + what); };
  if (!limits.done_for && !limits.done_at_most)
    refuse("neither done_for nor done_at_most says which done items may go; set one of them");
  if (limits.done_for && !(limits.done_for->count() >= 0 && limits.done_for->count() <= done_for_s_max))
    refuse("done_for must be between 0 and a thousand years; leave it out to keep items for ever");
  retain_rule rule;
  if (limits.done_for) rule.done_for_s = limits.done_for->count();
  rule.done_at_most = limits.done_at_most;
  return rule;
}

std::shared_ptr<const chain> chain_with_retention(const chain& from, const retain_options& limits) {
  const auto built = std::make_shared<chain>(from);
  built->retain = retain_rule_of(limits, "workflow '" + from.name + "': .retain");
  return built;
}

}  // namespace pawl::detail
