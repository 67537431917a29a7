// The resume verdict: where a stored item goes on under the chain of today.
//
// A pure function of what is stored and what the program is now; it is asked for
// each item when a run admits it, and for all of them by plan() before a run.
// Promise 7 of the design, durability rule 22.
#pragma once

#include "run/value_layout.hpp"
#include "store/backend.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

enum class verdict_kind : std::uint8_t {
  start,        // nothing of it is completed: from the first step
  go_on,        // from the step that it had reached
  redo_pure,    // the chain changed: some pure steps are done again, no effect is
  redo_effects, // the chain changed and the options say rerun: recorded effects are repeated
  held,         // the chain changed and going on would repeat effects: the item stops with the reason
  in_doubt,     // a step that is called at most once was started, and no end of it is recorded: it fails for good
  stay,         // ended, and nothing asks to do it again
};
[[nodiscard]] std::string_view name_of(verdict_kind kind) noexcept;

struct verdict {
  verdict_kind kind = verdict_kind::start;
  std::uint16_t step = 0;     // where it goes on; not for held, in_doubt and stay
  bool changed_chain = false; // the recorded chain differs from today's in a step that it had completed, or it ended there
  std::string reason;         // of held and in_doubt: a sentence
};

// What differs between the chain under which items were recorded and today's.
struct chain_difference {
  std::uint16_t same_steps = 0;   // the longest prefix of steps that are the same in both
  bool identical = false;
  std::string text;               // "step 2 'transform': version 1 is now 2"; empty where identical
  // Steps that count as the same because today's makes its results of the older ones: a sentence each.
  std::vector<std::string> migrations;
  std::string input;              // that the input has another schema, which makes no step another; mostly empty
};
// All of that in words, at the end of `into`.
void tell_changes(const chain_difference& difference, std::vector<std::string>& into);
// `layout`: of today's chain, for its migrations; null: without.
[[nodiscard]] chain_difference compare_chains(const chain_revision& stored, const chain_revision& now,
                                              const value_layout* layout = nullptr);

// What is stored of the value with this number; null where nothing is.
[[nodiscard]] const stored_payload* payload_of(const stored_item& item, std::uint16_t value) noexcept;

// Is the value stored that the step behind `completed` steps of this recorded chain takes, or the input it is made of?
[[nodiscard]] bool value_stored(const stored_item& item, const chain_revision& stored, std::size_t completed,
                                bool input_at_hand);

struct resume_policy {
  bool retry_failed = true;       // previously failed items are tried again
  bool rerun_changed = false;     // on_changed_chain: rerun
};

class verdict_maker {
public:
  // The layout must outlive it.
  verdict_maker(const workflow_record& workflow, const value_layout& layout, resume_policy policy);

  // `input_at_hand`: the caller brings the item's input (a run over its source does).
  [[nodiscard]] verdict decide(const stored_item& item, bool input_at_hand) const;
  // The same question answered without the stored values: true where the item is certain to stay as it is
  // (so that an item done under today's chain costs nothing more).
  [[nodiscard]] bool certainly_stays(const stored_item& item) const;
  [[nodiscard]] const chain_difference& difference(revision_id revision) const;
  [[nodiscard]] const chain_revision& revision(revision_id revision) const;
  // Today's.
  [[nodiscard]] const chain_revision& now() const noexcept { return *now_; }
  // Were all inputs ever recorded under today's schema?
  [[nodiscard]] bool inputs_alike() const noexcept { return inputs_alike_; }
  // Are the value that `step` takes and all that later steps read beside it to be had? Precondition: the recorded chain
  // is the same as today's up to there.
  [[nodiscard]] bool can_go_on(const stored_item& item, const chain_revision& stored, std::size_t step,
                               bool input_at_hand) const;

private:
  [[nodiscard]] bool readable(const chain_revision& stored, std::uint16_t value, const stored_payload& payload) const;
  [[nodiscard]] std::string cause(const stored_item& item, const chain_revision& stored) const;
  [[nodiscard]] bool value_at_hand(const stored_item& item, const chain_revision& stored, std::size_t completed,
                                   bool input_at_hand) const;

  const workflow_record workflow_;
  const value_layout& layout_;
  const resume_policy policy_;
  const chain_revision* now_;
  std::map<revision_id, chain_difference> differences_;
  bool inputs_alike_ = true;
};

}  // namespace pawl::core
