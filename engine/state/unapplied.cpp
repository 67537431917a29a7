#include "state/unapplied.hpp"

#include "journal/control.hpp"
#include "journal/recovery.hpp"
#include "record/fold.hpp"

#include <pawl/error.hpp>

#include <chrono>
#include <thread>

namespace pawl::core {
namespace {

constexpr int tries_max = 20;
constexpr auto pause_before_another = std::chrono::milliseconds(5);
constexpr std::size_t window_size = std::size_t{4} << 20;

}  // namespace

unapplied::unapplied(file_system& files, std::filesystem::path directory, const state_uuid& uuid)
    : files_(files), directory_(std::move(directory)), salt_(uuid) {}

void unapplied::clear() {
  rows_.clear();
  new_keys_.clear();
  differences_.clear();
  remark_.clear();
  ahead_ = false;
  known_ = {0, 0};
}

std::span<const std::byte> unapplied::row_of(item_address address) const {
  const auto found = rows_.find(address);
  return found != rows_.end() ? std::span<const std::byte>(found->second) : std::span<const std::byte>{};
}

const item_id* unapplied::id_of(workflow_id workflow, std::string_view key) const {
  const auto found = new_keys_.find({workflow, std::string(key)});
  return found != new_keys_.end() ? &found->second : nullptr;
}

const unapplied::difference* unapplied::difference_of(workflow_id workflow) const {
  const auto found = differences_.find(workflow);
  return found != differences_.end() ? &found->second : nullptr;
}

void unapplied::read(lmdb_snapshot& base) {
  for (int tries = 1;; ++tries) {
    const journal_mark mark = base.mark();
    if (mark.drained) return clear();
    try {
      if (read_once(base, mark)) return;
    } catch (const error& failure) {
      // The owner may have written while this read; then it is something else the next time.
      if (tries == tries_max || (failure.code() != errc::damaged && failure.code() != errc::io)) throw;
    }
    if (tries == tries_max)
      throw error(errc::state_in_use, "inspect: the journal in " + directory_.string() +
                                          " changes faster than it can be read; try again, or when less is going on");
    std::this_thread::sleep_for(pause_before_another);
    base.refresh();
  }
}

// False where the owner wrote over something that was read.
bool unapplied::read_once(lmdb_snapshot& base, const journal_mark& mark) {
  const std::pair<lsn, lsn> now{mark.applied, read_control(files_, directory_, salt_).written};
  if (now == known_ && now.second != 0) return true;
  clear();
  if (!has_control(files_, directory_))
    throw error(errc::damaged, "journal: what must lie in " + directory_.string() +
                                   " is gone, and with it what LMDB did not have yet; put it back or restore a backup of "
                                   "the whole state");
  const found_log found = find_log(files_, directory_, salt_, mark.applied, mark.durable, false);
  remark_ = found.remark;
  for (const log_part& part : found.parts) {
    frame_walker walker(salt_);
    walker.start(*part.in, part.from, window_size);
    for (frame one; walker.place().first < part.end;) {
      if (!walker.next(one) || !walker.payload_matches(one)) return false;
      fold_in(base, {&one.payload, 1});
    }
    const auto again = open_segment(files_, directory_, part.in->slot, salt_, false);
    if (!again || again->header.number != part.in->header.number) return false;
  }
  if (!ahead_) known_ = now;
  return true;
}

void unapplied::fold_in(lmdb_snapshot& base, std::span<const std::span<const std::byte>> groups) {
  batch_.gather(groups);
  for (std::size_t place = 0; place < batch_.size();) {
    const batch::run run = batch_.run_at(place);
    fold_run(base, run);
    place = run.last;
  }
}

// A transactional step records in LMDB and not in the journal. What the journal then goes on to say of its item cannot
// be shown over a snapshot from before: the item is shown as it was then.
bool unapplied::follows(const checkpoint& next) noexcept {
  const bool gap = row_.sequence != 0 && next.header.sequence > row_.sequence + 1;
  ahead_ = ahead_ || gap;
  return !gap;
}

void unapplied::fold_run(lmdb_snapshot& base, const batch::run& run) {
  row_.clear();
  std::span<const std::byte> before_bytes = row_of(run.address);
  if (before_bytes.empty()) before_bytes = base.row_bytes(run.address);
  if (!before_bytes.empty()) read_row(before_bytes, run.address, row_part::whole, row_);
  const counted_row before = counted(row_);
  bool changed = false;
  for (std::size_t place = run.first; place < run.last && follows(batch_.at(place)); ++place)
    changed = fold(row_, batch_.at(place)) || changed;
  if (!changed) return;
  const counted_row after = counted(row_);
  const workflow_id workflow = workflow_of_address(run.address);
  const item_id id = item_of_address(run.address);
  difference& counts = differences_[workflow];
  if (before.exists) {
    --counts.by_state[static_cast<std::size_t>(before.state)];
    --counts.reached[{before.revision, before.reached}];
  } else {
    new_keys_[{workflow, std::string(row_.key)}] = id;
    counts.next_item = std::max(counts.next_item, id + 1);
  }
  ++counts.by_state[static_cast<std::size_t>(after.state)];
  ++counts.reached[{after.revision, after.reached}];
  const auto bytes = write_row(row_, run.address, room_);
  rows_[run.address].assign(bytes.begin(), bytes.end());
}

}  // namespace pawl::core
