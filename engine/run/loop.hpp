// The rounds of a loop, and its checkpoints between them.
//
// A loop is one long call of its step: the typed layer hands in one round as a
// function pointer, and this drives it. The state goes into slots (slots/); the
// journal hears of a loop only when it is over. Its slots are given free when the
// record of its end is acknowledged, and not before: a crash in between would find
// neither.
//
// What was recorded before a loop is on the disk before its first checkpoint is
// written, also in `process` durability: so after a power cut no checkpoint stands
// on a result that is gone.
#pragma once

#include "flight/mark.hpp"
#include "run/item.hpp"
#include "run/lane.hpp"
#include "run/run_state.hpp"
#include "slots/slot_store.hpp"
#include "store/large_memory.hpp"

#include <pawl/detail/erased.hpp>

#include <cstdint>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

namespace pawl::core {

// A worker's. Not thread-safe.
class loop_runner {
public:
  // `records`: where the ends of its loops are recorded; `mark`: of their calls.
  loop_runner(run_state& run, const lane& records, flight_mark& mark) : run_(run), records_(records), mark_(mark) {}
  // Slots whose loop's end is not acknowledged are kept.
  ~loop_runner() = default;
  loop_runner(const loop_runner&) = delete;
  loop_runner& operator=(const loop_runner&) = delete;

  // All rounds of one attempt, from the last checkpoint on; `round` counts them. Throws what a round throws; step_stopped
  // between two rounds once `token` is requested or storage has failed, which the run then ends with;
  // too_many_rounds.
  void run(const active_item& item, const detail::erased_step& step, const std::stop_token& token,
           detail::loop_rounds& rounds, std::uint64_t& round);

  // The record of how the last loop ended is in the lane...
  void recorded() {
    if (!ended_) return;
    waiting_.emplace_back(records_.written(), std::move(*ended_));
    ended_.reset();
  }
  // ... or it could not be made.
  void not_recorded() noexcept { ended_.reset(); }
  // Gives free the slots of all loops whose end is acknowledged.
  void release_acknowledged() noexcept {
    if (!waiting_.empty()) release(records_.written() - records_.pending());
  }

private:
  struct attempt;
  void release(lane_position at) noexcept;
  [[nodiscard]] std::span<std::byte> buffer();
  [[nodiscard]] loop_slots claim(const active_item& item, const detail::erased_step& step);
  void go_on(attempt& now);
  void checkpoint(attempt& now);
  void got_on(const active_item& item);
  [[nodiscard]] double expected_cost_s(const attempt& now) const;

  run_state& run_;
  const lane& records_;
  flight_mark& mark_;
  large_memory buffer_;
  std::optional<loop_slots> ended_;
  std::vector<std::pair<lane_position, loop_slots>> waiting_;
};

// Of the slots that earlier runs left, gives those free that nobody can go on from any more: their item has ended, is
// beyond the loop, or begins it anew. When the workflow does not run, and what was recorded is folded in.
void release_unneeded_slots(run_state& run);
// The same for those that a process left which shared the state and has died, before anybody has taken anything of it over:
// they are removed.
void remove_slots_of_dead(run_state& run, std::uint64_t number);

}  // namespace pawl::core
