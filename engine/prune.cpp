#include "prune.hpp"

#include "store/walk.hpp"
#include "store/workflows.hpp"

#include <algorithm>
#include <compare>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace pawl::core {
namespace {

constexpr std::size_t removed_at_once = std::size_t{1} << 16;
constexpr std::uint64_t slack = 16;  // a sixteenth more may gather

struct done_item {
  std::uint64_t ended_us = 0;
  item_id id = 0;
  friend auto operator<=>(const done_item&, const done_item&) = default;
};

std::uint64_t in_us(double seconds) noexcept { return static_cast<std::uint64_t>(seconds * 1e6); }

bool is_older(std::uint64_t ended_us, std::uint64_t than_us, std::uint64_t at_us) noexcept {
  return ended_us < at_us && at_us - ended_us > than_us;
}

// Looks at all items as often as needed, each time for the done ones that ended first behind those found before: so many as
// fit in little memory.
class pruning {
public:
  pruning(backend& store, const workflow_record& workflow, const detail::retain_rule& rule, const clock_readings& clock,
          const prune_how& how)
      : store_(store), workflow_(workflow), count_max_(rule.done_at_most), clock_(clock), how_(how) {
    if (rule.done_for_s) age_max_us_ = in_us(*rule.done_for_s);
    made_.workflow = workflow.name;
  }

  prune_report run() {
    bool first = true;
    while (look(first) && take()) first = false;
    made_.doubted = old_by_clock_ > made_.removed ? old_by_clock_ - made_.removed : 0;
    return std::move(made_);
  }

private:
  [[nodiscard]] bool enough() const { return how_.enough && how_.enough(); }

  bool look(bool first) {
    const done_item behind = first ? done_item{} : found_.back();
    found_.clear();
    const walker with{[&](const stored_item& item) {
                        if (first) note(item);
                        const done_item one{item.updated_us, item.id};
                        if (item.state == item_state::done && (first || one > behind)) find(one);
                        return true;
                      },
                      [](item_id, const std::string&) {}};  // what cannot be read is not known to be done
    const std::unique_ptr<snapshot> view = store_.read();
    for (item_id from = 0; walk(*view, workflow_.id, from, workflow_.next_item, nullptr, with);) {
      if (enough()) return false;
      view->refresh();
    }
    std::sort_heap(found_.begin(), found_.end());
    if (first) measured_to_us_ = std::min(clock_.now_us, newest_us_);
    return true;
  }

  // Of the first look: counts, and finds out to which moment ages are measured.
  void note(const stored_item& item) {
    if (item.updated_us < clock_.run_began_us) newest_us_ = std::max(newest_us_, item.updated_us);
    if (item.state != item_state::done) return;
    ++made_.done;
    if (age_max_us_ && is_older(item.updated_us, *age_max_us_, clock_.now_us)) ++old_by_clock_;
  }

  // A heap with the one that ended last in front, which makes room for one that ended before.
  void find(const done_item& one) {
    if (found_.size() == how_.found_at_once) {
      if (found_.front() < one) return;
      std::pop_heap(found_.begin(), found_.end());
      found_.pop_back();
    }
    found_.push_back(one);
    std::push_heap(found_.begin(), found_.end());
  }

  // Removes those of the found that must go, which are the first of them. True where another look is needed.
  bool take() {
    std::vector<item_id> going;
    for (const done_item& one : found_) {
      if (age_max_us_ && is_older(one.ended_us, *age_max_us_, measured_to_us_)) ++made_.by_age;
      else if (count_max_ && made_.done - made_.by_age - made_.by_count > *count_max_) ++made_.by_count;
      else break;
      going.push_back(one.id);
    }
    const bool more = going.size() == found_.size() && found_.size() == how_.found_at_once;
    const std::uint64_t oldest_left = going.size() < found_.size() ? found_[going.size()].ended_us : measured_to_us_;
    std::sort(going.begin(), going.end());
    // Never ahead of that moment: whatever ends from now on is not to be taken for younger than it is.
    return remove(going, more ? workflow_.oldest_done_us : std::min(oldest_left, measured_to_us_)) && more;
  }

  // In pieces, after each of which it may be enough. Until the last one is gone nobody knows which is the oldest left.
  bool remove(std::span<const item_id> going, std::uint64_t oldest_left_us) {
    if (how_.dry_run) made_.removed += going.size();
    if (how_.dry_run || (going.empty() && oldest_left_us == workflow_.oldest_done_us)) return true;
    do {
      if (enough()) return false;
      const auto piece = going.first(std::min(going.size(), removed_at_once));
      going = going.subspan(piece.size());
      store_.remove(workflow_.id, piece, going.empty() ? oldest_left_us : workflow_.oldest_done_us);
      made_.removed += piece.size();
    } while (!going.empty());
    return true;
  }

  backend& store_;
  const workflow_record& workflow_;
  std::optional<std::uint64_t> age_max_us_;
  const std::optional<std::uint64_t> count_max_;
  const clock_readings clock_;
  const prune_how& how_;
  std::uint64_t newest_us_ = 0;       // that an earlier run recorded, of any item
  std::uint64_t measured_to_us_ = 0;  // ages are
  std::uint64_t old_by_clock_ = 0;    // done items that are too old by the clock alone
  std::vector<done_item> found_;
  prune_report made_;
};

}  // namespace

prune_report prune_items(backend& store, std::string_view workflow, const detail::retain_rule& rule,
                         const clock_readings& clock, const prune_how& how) {
  const workflow_record record = workflow_named(store.read()->workflows(), workflow);
  return pruning(store, record, rule, clock, how).run();
}

bool worth_pruning(const workflow_record& workflow, const workflow_counts& counts, const detail::retain_rule& rule,
                   std::uint64_t now_us) {
  const std::uint64_t done = counts.by_state[static_cast<std::size_t>(item_state::done)];
  if (done == 0) return false;
  if (rule.done_at_most && done > *rule.done_at_most && done - *rule.done_at_most > *rule.done_at_most / slack) return true;
  if (!rule.done_for_s) return false;
  const std::uint64_t age_max_us = in_us(*rule.done_for_s);
  return is_older(workflow.oldest_done_us, age_max_us + age_max_us / slack, now_us);
}

}  // namespace pawl::core
