// Fan-out: the children of an item, from the call of its source to the result of its step.
//
// Children are items of a workflow of their own, and their run is a run like any
// other, beside that of their parents. Its source is a queue of fans. A worker of
// the parent's run calls the user's source, puts a fan into the queue, and leaves
// the item there, in nobody's hands (run/fan_out.cpp). Admission of the children's
// run pulls from the first fan in the queue until that gives no more, then from the
// next (run/pull_children.cpp). Each child that leaves is counted by its fan; when
// the last one has, the item goes back to its own run, which makes the step's result.
//
// Rule 19: no child starts before all children of its parent are recorded. So a fan
// goes through stages:
//
//   gathering -> running               few children: each waits in the fan until all are acknowledged
//   gathering -> recording -> running  more than fit: each leaves when it is acknowledged, and when all have, they are
//                                      taken up out of the state again, by their ids
//   running                            from the beginning, where the source's keys are reproducible
//
// A fan is broken off where its source or a key fails: what has not started then
// does not start. Where the run of the children ends early (a stop, a failure), all
// fans go back as they are, and their items stay as they are recorded.
#pragma once

#include "run/item.hpp"
#include "run/owned_value.hpp"
#include "run/sparse_ids.hpp"

#include <pawl/children.hpp>
#include <pawl/detail/erased.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace pawl::core {

class run_state;
class fan_queue;
struct fan_out;

enum class fan_stage : std::uint8_t { gathering, recording, running };

// The children of one item in one workflow.
struct fan {
  fan(fan_out& parent, fan_queue& in, std::unique_ptr<detail::child_source> gives, std::string scope_of_keys, fan_stage first)
      : of(parent), queue(in), scope(std::move(scope_of_keys)), stage(first), source(std::move(gives)) {}

  fan_out& of;
  fan_queue& queue;
  const std::string scope;  // what the keys of the children begin with

  // Of whoever admits; of the parent's worker before and after.
  std::uint64_t given = 0;              // by the source
  std::uint64_t bytes = 0;              // of the children that gather
  sparse_ids seen;                      // of those that it gave
  std::vector<item_id> order;           // the same in its order, where results are wanted
  bool settled = false;                 // snapshots show all that was recorded of them
  std::vector<std::pair<item_id, std::string>> page;  // to be taken up, with their keys
  std::size_t page_at = 0;

  // Under the queue's lock; whoever admits also reads what only it changes.
  fan_stage stage;
  std::unique_ptr<detail::child_source> source;  // null: it gives no more
  sparse_ids recorded;                  // those that left and are to be taken up
  std::size_t out = 0;                  // children in flight, or on the page
  item_group gathered;
  children ended;                       // but for total and vanished
  std::uint64_t given_up = 0;           // children that have not ended and are not taken up again
  std::string failed_key;               // of the first that failed, in words
  std::string failure;                  // its reason
  std::string skip;                     // the reason of the first that was skipped
  std::unordered_map<item_id, owned_value> results;
  bool broken = false;
  std::string broken_because;
  std::exception_ptr thrown;            // by the source
  std::size_t place = 0;                // among the open ones
};

// An item that has fanned out. Shared by the item and the queues that its fans are in.
struct fan_out {
  fan_out(run_state& run_of_item, active_item& parent, std::uint64_t now_ns)
      : run(run_of_item), item(parent), opened_ns(now_ns) {}

  run_state& run;
  active_item& item;
  const std::uint64_t opened_ns;
  std::vector<std::unique_ptr<fan>> fans;   // by chain
  std::atomic<std::size_t> open{0};         // fans that have not come back
  std::atomic<std::size_t> sources_open{0};
};

// Whether a child starts.
enum class child_turn : std::uint8_t { starts, waits, leaves };

class fan_queue {
public:
  // `run`: of the children.
  fan_queue(run_state& run, const detail::fan_rule& rule);

  [[nodiscard]] run_state& run() noexcept { return run_; }
  [[nodiscard]] const detail::fan_rule& rule() const noexcept { return rule_; }
  [[nodiscard]] fan_stage first_stage() const noexcept;

  // ---- the parent's run ----

  // False where the run of the children is over.
  [[nodiscard]] bool push(const std::shared_ptr<fan_out>& of, std::size_t number);
  // Nothing more comes.
  void close();
  // Until the run of the children is over. Precondition: closed.
  void wait();

  // ---- whoever admits children ----

  // What a child can be pulled from; null where nothing is to be had right now.
  [[nodiscard]] fan* front();
  [[nodiscard]] bool closed() const;
  // Something can be pulled, or it is closed.
  [[nodiscard]] bool has_some() const;
  // The item is a child of it.
  void began(fan& of, active_item& child);
  // Are its children too many, or too large, to wait in memory?
  [[nodiscard]] bool gathers_too_much(const fan& of) const;
  // They leave and will leave as they are recorded.
  void only_record(fan& of);
  // The source gave all; so many children were recorded before and did not come.
  void end_source(fan& of, std::uint64_t vanished);
  // `thrown` by the source; null: it would be the same with every attempt.
  void break_off(fan& of, std::string reason, std::exception_ptr thrown);
  // One that is recorded and to be taken up; in flight from now on.
  [[nodiscard]] std::optional<item_id> take_recorded(fan& of);
  // It cannot be, for its row is damaged.
  void lost(fan& of, std::string_view why);
  // Those that were taken are all pulled, or lost. The fan may be gone afterwards.
  void page_ended(fan& of);
  // The child leaves its run; active_item::exit and state say how.
  void left(active_item& child);

  // ---- workers of the children ----

  [[nodiscard]] child_turn ask(active_item& child);
  // The run stops: those that wait go to the end of `into`.
  void drain(item_group& into);
  // Takes the result out of a child that is done, where it is wanted.
  void keep_result(active_item& child) noexcept;
  void note_outcome(fan& of, const active_item& child, item_state outcome, std::string_view reason) noexcept;

  // ---- when the run of the children is over ----

  // Children that are recorded, and were not taken up any more, are counted.
  void count_left();
  // All fans go back.
  void end();

private:
  [[nodiscard]] static bool can_pull(const fan& of) noexcept;
  void close_source(fan& of, std::unique_lock<std::mutex>& lock);
  void forget_waiting(const fan& of);
  void count_left(const fan& of);
  void go_on(fan& of);
  void hand_back(fan& of);

  run_state& run_;
  const detail::fan_rule& rule_;
  const std::size_t gather_items_max_;
  const std::uint64_t gather_bytes_max_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  std::deque<fan*> waiting_;  // to be pulled from
  std::vector<std::pair<std::shared_ptr<fan_out>, fan*>> open_;  // by fan::place
  bool closed_ = false;
  bool over_ = false;
};

// How a child ended: of the first that failed, and the first that was skipped, its fan keeps the reason.
void note_outcome(fan& of, const active_item& child, item_state outcome, std::string_view reason) noexcept;

}  // namespace pawl::core
