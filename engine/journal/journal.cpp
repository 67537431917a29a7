#include "journal/journal.hpp"

#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::uint64_t frame_size_max = std::uint64_t{4} << 20;  // but for a record that is longer alone

std::uint64_t size_in_file(std::uint64_t payload_size) noexcept {
  return block_end(sizeof(frame_header) + payload_size);
}

template <class Header>
std::span<const std::byte> bytes_of(const Header& header) noexcept {
  return std::as_bytes(std::span{&header, 1});
}

}  // namespace

void journal::make(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid) {
  files.make_directory(directory);
  complete(files, directory, uuid);
}

void journal::complete(file_system& files, const std::filesystem::path& directory, const state_uuid& uuid) {
  const control_file control(files, directory, journal_salt(uuid), 0);
  files.sync_directory(directory.parent_path());
}

bool journal::is_there(file_system& files, const std::filesystem::path& directory) {
  const auto has = [&](const std::filesystem::path& path) {
    const auto names = files.list(path.parent_path());
    return std::find(names.begin(), names.end(), path.filename().string()) != names.end();
  };
  return has(directory) && has_control(files, directory);
}

journal::journal(file_system& files, std::filesystem::path directory, const state_uuid& uuid, std::uint64_t epoch,
                 found_log found, const journal_options& options)
    : files_(files),
      directory_(std::move(directory)),
      salt_(uuid),
      epoch_(epoch),
      options_(options),
      pool_(files_, directory_, options_),
      images_(options.memory_max) {
  adopt(found);
  durable_ = found.durable;
  if (found.durable < found.end) rescue(found.durable);
  written_ = found.end;
  recorded_ = found.end;
  durable_ = found.end;
  control_ = std::make_unique<control_file>(files_, directory_, salt_, found.end);
}

journal::~journal() = default;

void journal::adopt(found_log& found) {
  newest_number_ = found.newest_number;
  pool_.begin_behind(found.newest_slot);
  for (log_part& part : found.parts) {
    pool_.count(*part.in);
    live_.push_back({std::move(part.in), part.end, part.end_offset, part.from, false, nullptr, {}, 0});
  }
  for (std::shared_ptr<segment>& one : found.free) {
    pool_.count(*one);
    pool_.set_free(std::move(one));
  }
}

// Frames that are only known to be readable go into a segment of their own, which becomes part of the log by its
// renaming, whole and flushed: a crash in here leaves everything as it was.
void journal::rescue(lsn durable) {
  auto fresh = std::make_shared<segment>();
  fresh->slot = pool_.new_slot();
  const auto unfinished = directory_ / ("new-" + std::to_string(fresh->slot));
  fresh->bytes = files_.create(unfinished);
  std::uint64_t offset = journal_block_size;
  for (live_segment& old : live_)
    if (old.end > durable) offset = copy_frames(old, durable, *fresh, offset);
  std::array<std::byte, journal_block_size> block{};
  std::memcpy(block.data(), &fresh->header, sizeof fresh->header);
  fresh->bytes->write(0, block);
  fresh->bytes->sync();
  files_.rename(unfinished, directory_ / std::to_string(fresh->slot));
  files_.sync_directory(directory_);

  const lsn end = live_.back().end;
  for (; !live_.empty() && live_.back().read_from.first >= fresh->header.first; live_.pop_back())
    pool_.set_free(std::move(live_.back().in));
  if (!live_.empty()) live_.back().end = std::min(live_.back().end, fresh->header.first);
  fresh->size = offset;
  pool_.count(*fresh);
  live_.push_back({fresh, end, offset, first_place(fresh->header), false, nullptr, {}, 0});
}

// Copies the frames that end behind `durable`; returns where the next may be written.
std::uint64_t journal::copy_frames(live_segment& from, lsn durable, segment& into, std::uint64_t offset) {
  frame_walker walker(salt_);
  walker.start(*from.in, from.read_from, static_cast<std::size_t>(frame_size_max));
  for (frame one; walker.place().first < from.end;) {
    if (!walker.next(one) || !walker.payload_matches(one))
      throw error(errc::damaged, "journal: " + directory_.string() +
                                     " changes while it is read: some other program writes to it, or the disk fails; "
                                     "nothing was changed");
    if (one.header.first + one.header.size <= durable) continue;
    if (into.header.number == 0) {
      into.header = new_header(one.header.first);
      link_ = into.header.crc;
    }
    const frame_header header = header_of(into, one.header.first, one.header.size, one.header.payload_crc);
    link_ = header.crc;
    const std::uint64_t size = size_in_file(one.header.size);
    const std::span<const std::byte> pieces[] = {bytes_of(header), one.payload,
                                                 zeros().first(size - sizeof header - one.header.size)};
    into.bytes->write_pieces(offset, pieces);
    offset += size;
  }
  return offset;
}

segment_header journal::new_header(lsn first) {
  segment_header header{};
  header.format = journal_format;
  header.uuid = salt_.uuid();
  header.epoch = epoch_;
  header.number = ++newest_number_;
  header.first = first;
  salt_.seal(header);
  return header;
}

frame_header journal::header_of(const segment& in, lsn first, std::uint64_t size, std::uint32_t payload_crc) const {
  frame_header header{};
  header.first = first;
  header.durable = std::min(durable_.load(std::memory_order_relaxed), first);
  header.epoch = in.header.epoch;
  header.segment = in.header.number;
  header.size = static_cast<std::uint32_t>(size);
  header.payload_crc = payload_crc;
  header.link = link_;
  salt_.seal(header);
  return header;
}

// Under the lock.
void journal::check_usable() const {
  if (failed())
    throw error(errc::stopped, "journal: " + directory_.string() + " takes nothing more, because it has failed (" + failure_ +
                                   "); close the engine and open it again");
}

// In a handler of the exception, without the lock.
void journal::fail() noexcept {
  const std::scoped_lock lock(mutex_);
  if (failed()) return;
  try {
    throw;
  } catch (const std::exception& failure) {
    failure_ = failure.what();
  } catch (...) {
    failure_ = "something that is not a std::exception was thrown";
  }
  failed_.store(true, std::memory_order_release);
}

// ---- appending ----

void journal::append(std::span<const std::span<const std::byte>> groups) {
  try {
    {
      std::unique_lock lock(mutex_);
      check_usable();
      while (!groups.empty()) append_frame(lock, groups);
    }
    if (options_.durability == durability::power) flush();
  } catch (...) {
    fail();
    throw;
  }
}

// One frame of as many groups as belong into it; they are taken off the front of `groups`.
void journal::append_frame(std::unique_lock<std::mutex>& lock, std::span<const std::span<const std::byte>>& groups) {
  const auto fits = [&](std::uint64_t payload) {
    return open_ && block_end(live_.back().used) + size_in_file(payload) <= live_.back().in->size;
  };
  if (groups.front().size() > frame_payload_max)
    throw error(errc::too_large, "journal: " + std::to_string(groups.front().size()) +
                                     " bytes of records at once, and a frame holds " + std::to_string(frame_payload_max) +
                                     ": values as long as that belong into files of their own; this is a fault of pawl's");
  if (!fits(groups.front().size())) start_segment(lock, groups.front().size());
  std::uint64_t size = groups.front().size();
  std::size_t count = 1;
  while (count < groups.size() && size + groups[count].size() <= frame_size_max && fits(size + groups[count].size()))
    size += groups[count++].size();

  const auto payload = groups.first(count);
  groups = groups.subspan(count);
  write_frame(payload, size);
  written_ += size;
  live_.back().end = written_;
  live_.back().dirty = true;
  control_->set_written(written_);
  if (options_.durability == durability::process) recorded_.store(written_, std::memory_order_release);
}

frame_header journal::next_header(std::uint64_t size, std::uint32_t payload_crc) {
  const frame_header header = header_of(*live_.back().in, written_, size, payload_crc);
  link_ = header.crc;
  return header;
}

void journal::write_frame(std::span<const std::span<const std::byte>> payload, std::uint64_t size) {
  live_segment& last = live_.back();
  const bool mapped = is_mapped(size);
  if (!mapped) last.used = block_end(last.used);
  const std::uint64_t before = last.used;
  std::span<const std::byte> copy;
  if (last.memory) {
    copy = copy_to_image(payload, size);
    payload = {&copy, 1};
  }
  std::uint32_t crc = salt_.begin();
  for (const auto piece : payload) crc = crc32c(piece, crc);
  const frame_header header = next_header(size, crc);
  if (last.memory) {
    std::memcpy(last.memory->bytes.data() + last.used, &header, sizeof header);
    last.frames.push_back({last.used, size});
  }
  const std::uint64_t used = sizeof header + size;
  if (mapped) {
    store_frame(mapped_.subspan(last.used, used), header, payload);
    last.used += (used + frame_alignment - 1) / frame_alignment * frame_alignment;
  } else {
    write_blocks(header, payload, used);
    last.used += block_end(used);
  }
  bytes_written_ += last.used - before;
}

// The only copy: it is applied from there, and written from there in one piece.
std::span<const std::byte> journal::copy_to_image(std::span<const std::span<const std::byte>> payload,
                                                  std::uint64_t size) noexcept {
  std::byte* const to = live_.back().memory->bytes.data() + live_.back().used + sizeof(frame_header);
  std::byte* at = to;
  for (const auto piece : payload) {
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  return {to, static_cast<std::size_t>(size)};
}

// Whole blocks: nothing has to be read for them.
void journal::write_blocks(const frame_header& header, std::span<const std::span<const std::byte>> payload,
                           std::uint64_t used) {
  const live_segment& last = live_.back();
  pieces_.clear();
  if (last.memory) {
    std::byte* const frame = last.memory->bytes.data() + last.used;
    std::memset(frame + used, 0, block_end(used) - used);
    pieces_.emplace_back(frame, static_cast<std::size_t>(block_end(used)));
  } else {
    pieces_.push_back(bytes_of(header));
    pieces_.insert(pieces_.end(), payload.begin(), payload.end());
    pieces_.push_back(zeros().first(block_end(used) - used));
  }
  last.in->bytes->write_pieces(last.used, pieces_);
}

// The header last: a process that is killed in here leaves no frame.
void journal::store_frame(std::span<std::byte> into, const frame_header& header,
                          std::span<const std::span<const std::byte>> payload) const noexcept {
  std::byte* at = into.data() + sizeof header;
  for (const auto piece : payload) {
    std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
  std::atomic_thread_fence(std::memory_order_release);
  std::memcpy(into.data(), &header, sizeof header);
}

// ---- segments ----

void journal::start_segment(std::unique_lock<std::mutex>& lock, std::uint64_t payload_size) {
  open_ = false;
  mapped_ = {};
  const std::shared_ptr<segment> next = find_room(lock, journal_block_size + size_in_file(payload_size));
  next->header = new_header(written_);
  std::array<std::byte, journal_block_size> block{};
  std::memcpy(block.data(), &next->header, sizeof next->header);
  next->bytes->write(0, block);
  link_ = next->header.crc;
  live_.push_back({next, written_, journal_block_size, first_place(next->header), true, images_.take(next->size), {}, 0});
  open_ = true;
  if (options_.durability == durability::process && options_.mapped_append_max != 0)
    mapped_ = next->bytes->map(next->size);
}

// A free segment of at least this size: one that is there, or a new one, or one that is given free while we wait.
std::shared_ptr<segment> journal::find_room(std::unique_lock<std::mutex>& lock, std::uint64_t size) {
  for (;;) {
    if (auto found = pool_.take(size)) return found;
    if (no_room_) std::rethrow_exception(no_room_);
    const bool may_come = !live_.empty();
    if (!pool_.is_making() && (!pool_.is_full() || !may_come)) {
      try {
        make_segment(lock, std::max(pool_.next_size(), block_end(size)));
        continue;
      } catch (const error& failure) {
        if (failure.code() != errc::disk_full || !may_come) throw;
      }
    }
    wait_for_room(lock);
  }
}

void journal::tell_room() noexcept {
  ++room_changes_;
  room_.notify_all();
}

// Whoever gives segments free must be able to: it is told, and what this call has appended so far is flushed, for only
// what is on the disk may be applied.
void journal::wait_for_room(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t changes = room_changes_;
  starving_ = true;
  lock.unlock();
  flush();
  if (tell_starving_) tell_starving_();
  lock.lock();
  // Whoever gives segments free may have given up meanwhile, and tells it once.
  room_.wait(lock, [&] { return room_changes_ != changes || no_room_; });
  starving_ = false;
}

// Whoever waits for room looks again, whether or not there is one more.
void journal::make_segment(std::unique_lock<std::mutex>& lock, std::uint64_t size) {
  try {
    pool_.make(lock, size);
  } catch (...) {
    tell_room();
    throw;
  }
  tell_room();
}

void journal::prepare_segment() {
  std::unique_lock lock(mutex_);
  if (pool_.has_free() || pool_.is_making() || pool_.is_full() || failed()) return;
  try {
    make_segment(lock, pool_.next_size());
  } catch (const error&) {  // needs() does not ask for it again until one can be made
  }
}

journal::need journal::needs() const {
  const std::scoped_lock lock(mutex_);
  need now;
  now.bytes_written = bytes_written_;
  if (failed()) return now;  // nothing will be appended any more; what is recorded is still to be applied
  now.room = starving_;
  if (pool_.has_free()) return now;
  now.room = starving_ || (pool_.is_full() && live_.size() > 1);
  now.segment = !pool_.is_full() && !pool_.is_making() && !pool_.made_in_vain() && open_ &&
                live_.back().used > live_.back().in->size / 2;
  return now;
}

void journal::give_up_room(std::exception_ptr why) noexcept {
  const std::scoped_lock lock(mutex_);
  no_room_ = std::move(why);
  tell_room();
}

void journal::release(lsn applied) {
  const std::scoped_lock lock(mutex_);
  while (!live_.empty() && live_.front().end <= applied && (live_.size() > 1 || !open_)) {
    auto old = std::move(live_.front().in);
    live_.pop_front();
    pool_.set_free(std::move(old));
  }
  tell_room();
}

// ---- flushing ----

void journal::flush() {
  const std::scoped_lock turn(flushing_);
  lsn target = 0;
  to_flush_.clear();
  {
    const std::scoped_lock lock(mutex_);
    check_usable();
    target = written_;
    for (live_segment& one : live_) {
      if (!std::exchange(one.dirty, false)) continue;
      to_flush_.push_back(one.in);
      one.used = block_end(one.used);  // what the flush covers shares no block with what comes later
    }
  }
  if (target == durable()) return;
  try {
    for (const std::shared_ptr<segment>& one : to_flush_) one->bytes->sync();
  } catch (...) {
    fail();
    throw;
  }
  flushes_.fetch_add(to_flush_.size(), std::memory_order_relaxed);
  to_flush_.clear();
  durable_.store(target, std::memory_order_release);
  control_->set_durable(target);
  if (options_.durability == durability::power) recorded_.store(target, std::memory_order_release);
}

// ---- reading back ----

bool journal::read(log_batch& into, std::uint64_t bytes_max) {
  into.groups.clear();
  into.held.clear();
  into.windows_used = 0;
  into.bytes = 0;
  const lsn limit = durable();
  for (std::size_t place = 0; into.bytes < bytes_max;) {
    live_segment* from = nullptr;
    live_segment now;
    {
      const std::scoped_lock lock(mutex_);
      while (place < live_.size() && live_[place].read_from.first >= live_[place].end) ++place;
      if (place == live_.size()) break;
      from = &live_[place];  // stays in place: only release() takes any away, and its caller is here
      if (from->memory) {
        if (!take_frames(*from, limit, bytes_max, into)) break;
        if (place + 1 < live_.size() || !open_) from->memory.reset();  // the batch holds it
        continue;
      }
      now = *from;
    }
    const bool goes_on = read_frames(now, salt_, directory_, limit, bytes_max - into.bytes, into);
    const std::scoped_lock lock(mutex_);
    from->read_from = now.read_from;
    if (!goes_on) break;
  }
  return into.bytes != 0;
}

}  // namespace pawl::core
