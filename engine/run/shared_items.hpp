// What a run knows of the other processes that share its state: which of its items they have, and what the dead among
// them left behind.
//
// An item of the source that another process has is *set aside*: the run neither holds its input nor calls its steps, but
// ends only when that item has ended. If its holder dies or gives it up, it is this run's, or the next one's who finds it.
// So every run over the same source ends with every item ended, whoever did it.
//
// An item that was left behind may be found before the source gives it, or though it never does: it is *foreign* to the run.
// It goes on with what is recorded of it, and is not among the run's items; if the source gives it later it is that run's like
// any other, and its input is compared then.
//
// A process claims ahead only what it does in about a second: more would keep the others waiting at the end of a source.
#pragma once

#include "run/run_state.hpp"
#include "store/claims.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <span>
#include <vector>

namespace pawl::core {

class shared_items {
public:
  // Lives as long as the run's steps are called.
  shared_items(claim_store& claims, run_state& run);
  ~shared_items() { claims_.end_run(); }
  shared_items(const shared_items&) = delete;
  shared_items& operator=(const shared_items&) = delete;

  // The watch's thread, as often as it likes.
  void beat(std::uint64_t now_ns);
  // Any thread.
  [[nodiscard]] bool time_to_look() const noexcept { return due_.load(std::memory_order_acquire); }
  // There is something to take up.
  [[nodiscard]] bool has_found() const noexcept { return has_found_.load(std::memory_order_acquire); }
  // So many items may be in flight.
  [[nodiscard]] std::size_t limit() const noexcept { return limit_.load(std::memory_order_relaxed); }
  // So much is set aside that no more of the source may be looked at.
  [[nodiscard]] bool full() const noexcept { return full_.load(std::memory_order_relaxed); }
  // Not the run's any more, though it has not ended: given back within a second, unless the run is being stopped. Then it
  // may have records that are not committed yet, and goes back when they are, with all others (end_of_run).
  void release(item_id item);

  // By whoever admits. Throws pawl::error, of the storage.
  //
  // Takes over from the dead, gives back what was released, and looks for items that nobody has any more.
  void look();
  // One of those, to be taken up or to be counted. `known`: it was set aside, and is not any more.
  [[nodiscard]] bool next(item_id& into, bool& known);
  void set_aside(item_id item);
  // Nobody has any of this run's items, and there is nothing to take up.
  [[nodiscard]] bool none_left() const noexcept { return aside_.empty() && found_.empty(); }
  [[nodiscard]] const std::set<item_id>& aside() const noexcept { return aside_; }
  void claim(std::span<claim_request> requests);
  void note_ended(std::size_t items) noexcept { ended_ += items; }

  // When nothing is in flight any more and all is committed. `all`: the run may have left items as they were.
  void end_of_run(bool all);
  // The log has failed.
  void withdraw() noexcept { claims_.withdraw(); }

private:
  static constexpr std::size_t beats_a_second = 5;
  void tend(bool may_wait);
  [[nodiscard]] bool settle_dead(std::uint64_t number);
  [[nodiscard]] std::vector<item_id> take_released();
  void tell();
  void tell_of_others();
  void pace();

  claim_store& claims_;
  run_state& run_;
  const std::size_t least_;           // items in flight
  std::uint64_t beaten_ns_ = 0;
  std::uint64_t told_ns_ = 0;
  std::size_t beats_ = 0;
  std::atomic<bool> due_{true};
  std::atomic<bool> has_found_{false};
  std::atomic<bool> full_{false};
  std::atomic<std::size_t> limit_;
  // Held until what was taken out of released_ is committed: an item that is claimed anew meanwhile must not be given back.
  std::mutex claiming_;
  std::mutex releasing_;
  std::vector<item_id> released_;
  std::map<std::uint64_t, std::uint64_t> unsettled_;  // dead processes, and since when (ns); guarded by releasing_
  std::set<item_id> aside_;
  std::vector<item_id> found_;        // descending, to be taken from the end
  std::vector<item_id> room_;
  item_id look_from_ = 0;             // of what was left behind, there was more than was found at once
  std::size_t ended_ = 0;             // since the last look
  std::array<std::size_t, beats_a_second> paces_{};
  std::size_t pace_at_ = 0;
};

}  // namespace pawl::core
