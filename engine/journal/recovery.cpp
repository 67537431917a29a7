#include "journal/recovery.hpp"

#include "journal/control.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t window_size = std::size_t{4} << 20;
constexpr lsn nowhere = ~lsn{0};
constexpr int walks_more_max = 3;

using segments = std::vector<std::shared_ptr<segment>>;

class log_finder {
public:
  log_finder(file_system& files, const std::filesystem::path& directory, const journal_salt& salt, lsn applied,
             lsn durable)
      : files_(files), directory_(directory), salt_(salt), applied_(applied), known_durable_(durable), walker_(salt) {}

  found_log find(bool to_write) {
    const log_witness witness = read_control(files_, directory_, salt_);
    walk_anew(witness, to_write);
    look_behind_the_end();
    // A log that grows meanwhile: what was seen to be on the disk behind its end is within reach of another walk.
    for (int again = 0; !to_write && found_.durable > found_.end && again < walks_more_max; ++again) {
      const lsn proven = found_.durable;
      walk_anew(witness, to_write);
      found_.durable = std::max(found_.durable, proven);
    }
    judge(witness);
    give_free();
    return std::move(found_);
  }

private:
  void walk_anew(const log_witness& witness, bool to_write) {
    found_ = {};
    found_.end = applied_;
    found_.durable = std::max(known_durable_, witness.durable);
    log_.clear();
    others_.clear();
    begin_ = end_ = 0;
    seen_end_ = 0;
    open_all(to_write);
    leave_out_superseded();
    walk();
  }

  void open_all(bool to_write) {
    if (to_write) files_.sync_directory(directory_);  // a name that is seen may not be on the disk yet
    for (const std::string& name : files_.list(directory_)) {
      if (to_write && is_unfinished_segment(name)) files_.remove(directory_ / name);
      const auto slot = slot_of(name);
      if (!slot) continue;
      found_.newest_slot = std::max(found_.newest_slot, *slot);
      std::shared_ptr<segment> opened = open_segment(files_, directory_, *slot, salt_, to_write);
      if (!opened) continue;
      found_.newest_number = std::max(found_.newest_number, opened->header.number);
      (opened->header.number != 0 ? log_ : others_).push_back(std::move(opened));
    }
    std::sort(log_.begin(), log_.end(), [](const auto& a, const auto& b) { return a->header.number < b->header.number; });
  }

  // Recovery writes an uncertain tail again, into a new segment that begins where the certain part ends: what older
  // segments have from there on is no longer the log.
  void leave_out_superseded() {
    segments kept;
    for (std::shared_ptr<segment>& one : log_) {
      for (; !kept.empty() && kept.back()->header.first >= one->header.first; kept.pop_back())
        others_.push_back(std::move(kept.back()));
      kept.push_back(std::move(one));
    }
    log_ = std::move(kept);
  }

  [[nodiscard]] lsn first_of(std::size_t place) const {
    return place < log_.size() ? log_[place]->header.first : nowhere;
  }

  // From the segment that holds the applied lsn on, as far as frames follow each other.
  void walk() {
    while (begin_ + 1 < log_.size() && first_of(begin_ + 1) <= applied_) ++begin_;
    end_ = begin_;
    if (begin_ == log_.size() || first_of(begin_) > applied_) return;  // nothing holds it; whether that is right the judge will say
    for (bool goes_on = true; goes_on;) {
      walk_segment(log_[end_], first_of(end_ + 1));
      ++end_;
      goes_on = end_ < log_.size() && first_of(end_) == found_.end;
    }
  }

  // `end`: where the next segment takes over.
  void walk_segment(const std::shared_ptr<segment>& in, lsn end) {
    walker_.start(*in, first_place(in->header), window_size);
    walk_frames(in, end);
    if (walker_.place().first >= applied_) return;
    // Something is wrong with a frame that is applied, or the log ends there. What is not applied may be well.
    if (const auto place = find_place(*in, applied_)) {
      walker_.start(*in, *place, window_size);
      walk_frames(in, end);
    }
  }

  void walk_frames(const std::shared_ptr<segment>& in, lsn end) {
    frame one;
    for (frame_place before = walker_.place(); walker_.next(one); before = walker_.place()) {
      const lsn behind = one.header.first + one.header.size;
      if (one.header.first >= end || behind > end) return;
      found_.durable = std::max(found_.durable, one.header.durable);
      if (behind <= applied_) continue;
      if (one.header.first < applied_ || !walker_.payload_matches(one)) return;
      if (found_.parts.empty() || found_.parts.back().in != in) found_.parts.push_back({in, before, behind, 0});
      found_.parts.back().end = found_.end = behind;
      found_.parts.back().end_offset = walker_.place().offset;
    }
  }

  [[nodiscard]] std::optional<frame_place> find_place(const segment& in, lsn first) const {
    std::optional<frame_place> found;
    each_frame_header(in, salt_, [&](const frame_header& header, std::uint64_t offset) {
      if (header.first == first && header.epoch == in.header.epoch && header.segment == in.header.number)
        found = frame_place{offset, first, header.link};
    });
    return found;
  }

  // Frames that are not part of the log all the same say what was on the disk when they were written.
  void look_behind_the_end() {
    if (end_ != 0) look_into(*log_[end_ - 1]);
    for (std::size_t place = end_; place < log_.size(); ++place) look_into(*log_[place]);
    for (const auto& one : others_) look_into(*one);
  }

  void look_into(const segment& in) {
    each_frame_header(in, salt_, [&](const frame_header& header, std::uint64_t) {
      if (header.durable > header.first) return;  // no engine writes that
      found_.durable = std::max(found_.durable, header.durable);
      if (header.epoch == in.header.epoch && header.segment == in.header.number)
        seen_end_ = std::max(seen_end_, header.first + header.size);
    });
  }

  void judge(const log_witness& witness) {
    if (found_.durable > found_.end) throw_damaged();
    if (witness.same_boot) seen_end_ = std::max(seen_end_, witness.written);
    if (seen_end_ <= found_.end) return;
    found_.dropped_bytes = seen_end_ - found_.end;
    found_.remark = "journal: the last " + std::to_string(found_.dropped_bytes) + " bytes of records in " +
                    directory_.string() +
                    " did not come to the disk whole, and are dropped: in durability power nobody was told of them, in "
                    "process the steps that they recorded run again";
    if (witness.same_boot && witness.written > found_.end)
      found_.remark +=
          "; but the machine was not restarted since, so this is damage, or the file system lost what it had cached: "
          "look at the kernel's log";
  }

  [[noreturn]] void throw_damaged() const {
    const std::string place = end_ != 0 ? (directory_ / std::to_string(log_[end_ - 1]->slot)).string() +
                                              " at or behind byte " + std::to_string(walker_.place().offset)
                                        : directory_.string();
    throw error(errc::damaged, "journal: " + place + " is damaged: records up to position " +
                                   std::to_string(found_.durable) + " were on the disk, and only those up to " +
                                   std::to_string(found_.end) +
                                   " can be read; nothing was changed; restore a backup of the state");
  }

  void give_free() {
    const auto is_part = [&](const auto& one) {
      return std::any_of(found_.parts.begin(), found_.parts.end(), [&](const log_part& part) { return part.in == one; });
    };
    for (auto* from : {&log_, &others_})
      for (auto& one : *from)
        if (!is_part(one)) found_.free.push_back(std::move(one));
  }

  file_system& files_;
  const std::filesystem::path& directory_;
  const journal_salt& salt_;
  const lsn applied_;
  const lsn known_durable_;
  frame_walker walker_;
  found_log found_;
  segments log_;     // by number, each taking over where the one before ends
  segments others_;  // without a valid header, or superseded
  std::size_t begin_ = 0;  // of the walk, in log_
  std::size_t end_ = 0;    // behind the last segment that was walked
  lsn seen_end_ = 0;
};

}  // namespace

found_log find_log(file_system& files, const std::filesystem::path& directory, const journal_salt& salt, lsn applied,
                   lsn durable, bool to_write) {
  return log_finder(files, directory, salt, applied, std::max(applied, durable)).find(to_write);
}

}  // namespace pawl::core
