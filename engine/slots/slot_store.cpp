#include "slots/slot_store.hpp"

#include "file/fork.hpp"
#include "slots/slot_writer.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <new>
#include <utility>

namespace pawl::core {
namespace {

constexpr int numbers_of_a_process_bits = 24;

// 0 for what is no name of a slot.
std::uint64_t number_of(const std::string& name) {
  std::uint64_t number = 0;
  std::from_chars(name.data(), name.data() + name.size(), number);
  return std::to_string(number) == name ? number : 0;
}

std::array<std::byte, slot_payload_at> block_of(const slot_header& header) {
  std::array<std::byte, slot_payload_at> block{};
  const auto bytes = std::as_bytes(std::span{&header, 1});
  std::copy(bytes.begin(), bytes.end(), block.begin());
  return block;
}

}  // namespace

slot_store::slot_store(file_system& files, std::filesystem::path directory, const std::array<std::byte, 16>& uuid,
                       durability durable, bool made, std::vector<std::string>& warnings, std::uint64_t shared_as)
    : files_(files),
      directory_(std::move(directory)),
      uuid_(uuid),
      durable_(durable),
      process_(process_generation()),
      shared_(shared_as != 0),
      made_(made),
      next_((shared_as << numbers_of_a_process_bits) + 1) {
  if (!made_ || shared_) return;
  for (const std::string& name : files_.list(directory_))
    if (number_of(name) != 0) take_in(name, warnings);
}

slot_store::~slot_store() {
  if (process_generation() != process_) return;
  for (slot& one : free_) {
    one.open.reset();
    try {
      files_.remove(one.path);
    } catch (...) {  // the next opening finds it
    }
  }
}

void slot_store::take_in(const std::string& name, std::vector<std::string>& warnings) {
  slot found;
  next_ = std::max(next_, number_of(name) + 1);
  try {
    found = open_slot(directory_ / name);
  } catch (const error& failure) {
    warnings.push_back(std::string("slots: a checkpoint of a loop cannot be read and is left alone: ") + failure.what());
    return;
  }
  if (!found.header) {
    free_.push_back(std::move(found));  // it was being written when the process died
  } else if (found.header->uuid != uuid_) {
    warnings.push_back("slots: " + found.path.string() +
                       " is a checkpoint of a loop of another state and is left alone; remove it if nobody misses it");
  } else {
    std::vector<slot>& loop = kept_[found.header->identity];
    loop.push_back(std::move(found));
    if (loop.size() <= 2) return;
    // No loop of ours has three; somebody may have copied one.
    const auto oldest = std::min_element(loop.begin(), loop.end(), [](const slot& a, const slot& b) {
      return a.header->round < b.header->round;
    });
    oldest->header.reset();
    free_.push_back(std::move(*oldest));
    loop.erase(oldest);
  }
}

slot slot_store::open_slot(const std::filesystem::path& path) {
  slot found{path, nullptr};
  found.is_new = true;  // as far as is known
  found.open = files_.open_to_write(path);
  found.size = found.open->size();
  std::array<std::byte, sizeof(slot_header)> front{};
  if (found.size >= front.size()) found.open->read(0, front);
  found.header = header_of(front);
  return found;
}

bool slot_store::is_in(const std::filesystem::path& directory, const std::filesystem::path& name) {
  const std::vector<std::string> names = files_.list(directory);
  return std::find(names.begin(), names.end(), name) != names.end();
}

// Other processes make files meanwhile, and remove what they had free.
void slot_store::find_kept(const loop_identity& identity, std::vector<slot>& into) {
  made_ = made_ || is_in(directory_.parent_path(), directory_.filename());
  if (!made_) return;
  for (const std::string& name : files_.list(directory_)) {
    const std::filesystem::path path = directory_ / name;
    if (number_of(name) == 0 || in_use_.contains(path)) continue;
    try {
      slot found = open_slot(path);
      if (!found.header || found.header->uuid != uuid_ || found.header->identity != identity) continue;
      found.path = directory_ / std::to_string(next_++);
      files_.rename(path, found.path);
      in_use_.insert(found.path);
      into.push_back(std::move(found));
    } catch (const error& failure) {
      std::error_code unknown;  // what is no file is no slot of ours
      const auto what = std::filesystem::symlink_status(path, unknown).type();
      const bool is_stranger = what == std::filesystem::file_type::symlink || what == std::filesystem::file_type::directory;
      if (failure.code() == errc::io && !is_stranger && is_in(directory_, name)) throw;
    }
  }
}

loop_slots slot_store::claim(const loop_identity& identity) {
  const std::scoped_lock lock(mutex_);
  std::vector<slot> slots;
  if (shared_) {
    try {
      find_kept(identity, slots);
    } catch (...) {
      for (const slot& one : slots) in_use_.erase(one.path);
      throw;
    }
  }
  if (const auto at = kept_.find(identity); at != kept_.end()) {
    slots = std::move(at->second);
    kept_.erase(at);
  }
  return loop_slots(*this, identity, std::move(slots));
}

void slot_store::release_unless(workflow_id workflow, const std::function<bool(const slot_header&)>& needed) {
  const std::scoped_lock lock(mutex_);
  for (auto at = kept_.begin(); at != kept_.end();) {
    const auto headed = std::find_if(at->second.begin(), at->second.end(), [](const slot& one) { return one.header; });
    const bool is_free = headed == at->second.end() || (headed->header->workflow == workflow && !needed(*headed->header));
    if (!is_free) {
      ++at;
      continue;
    }
    std::move(at->second.begin(), at->second.end(), std::back_inserter(free_));
    at = kept_.erase(at);
  }
}

void slot_store::remove_unless(std::uint64_t dead, workflow_id workflow,
                               const std::function<bool(const slot_header&)>& needed) noexcept {
  const auto judge = [&](const std::string& name) {
    try {
      slot found = open_slot(directory_ / name);
      const bool is_free = !found.header || (found.header->uuid == uuid_ && found.header->workflow == workflow &&
                                             !needed(*found.header));
      found.open.reset();
      if (is_free) files_.remove(found.path);
    } catch (...) {  // somebody else has removed it, or it goes when the state is opened alone
    }
  };
  try {
    const std::scoped_lock lock(mutex_);
    if (!made_ && !is_in(directory_.parent_path(), directory_.filename())) return;
    for (const std::string& name : files_.list(directory_))
      if (number_of(name) >> numbers_of_a_process_bits == dead) judge(name);
  } catch (...) {  // the same
  }
}

// The largest: most of what is to be written has blocks then.
slot slot_store::take_free() {
  const std::scoped_lock lock(mutex_);
  if (!free_.empty()) {
    const auto largest =
        std::max_element(free_.begin(), free_.end(), [](const slot& a, const slot& b) { return a.size < b.size; });
    slot taken = std::move(*largest);
    free_.erase(largest);
    taken.header.reset();
    return taken;
  }
  if (!made_) make_directory();
  slot fresh{directory_ / std::to_string(next_++), nullptr};
  fresh.open = files_.create(fresh.path);
  fresh.is_new = true;
  if (shared_) in_use_.insert(fresh.path);
  return fresh;
}

// Another process may be making it, too.
void slot_store::make_directory() {
  try {
    files_.make_directory(directory_);
  } catch (const error&) {
    if (!shared_ || !is_in(directory_.parent_path(), directory_.filename())) throw;
  }
  files_.sync_directory(directory_.parent_path());
  made_ = true;
}

void slot_store::forget(const std::filesystem::path& path) noexcept {
  const std::scoped_lock lock(mutex_);
  in_use_.erase(path);
}

void slot_store::keep(const loop_identity& identity, std::vector<slot> slots) noexcept {
  if (slots.empty()) return;
  const std::scoped_lock lock(mutex_);
  if (shared_) {
    for (const slot& one : slots) in_use_.erase(one.path);
    return;
  }
  try {
    kept_[identity] = std::move(slots);
  } catch (const std::bad_alloc&) {  // they stay on the disk for the next opening
  }
}

void slot_store::give_back(std::vector<slot> slots) noexcept {
  const std::scoped_lock lock(mutex_);
  try {
    std::move(slots.begin(), slots.end(), std::back_inserter(free_));
  } catch (const std::bad_alloc&) {  // the same
  }
}

std::size_t slot_store::kept() const {
  const std::scoped_lock lock(mutex_);
  std::size_t count = 0;
  for (const auto& one : kept_) count += one.second.size();
  return count;
}

std::size_t slot_store::free() const {
  const std::scoped_lock lock(mutex_);
  return free_.size();
}

loop_slots::~loop_slots() {
  if (owner_ != nullptr) owner_->keep(identity_, std::move(slots_));
}

void loop_slots::release() noexcept {
  if (owner_ != nullptr) std::exchange(owner_, nullptr)->give_back(std::move(slots_));
}

// Read through the buffer first, where a disk that cannot read says so by an error; mapped it would be a signal.
bool loop_slots::is_whole(slot& one, std::span<std::byte> buffer, std::vector<std::string>& problems) const {
  const slot_header& header = *one.header;
  const auto problem = [&](const std::string& what) {
    problems.push_back("the checkpoint of round " + std::to_string(header.round) + " in " + one.path.string() + " " + what);
    return false;
  };
  if (header.size > one.size || one.size - header.size < slot_payload_at) return problem("is cut off");
  try {
    std::uint32_t crc = 0;
    for (std::uint64_t at = 0; at < header.size;) {
      const auto piece = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), header.size - at)));
      one.open->read(slot_payload_at + at, piece);
      crc = crc32c(piece, crc);
      at += piece.size();
    }
    if (crc != header.payload_crc)
      return problem("does not match its checksum: it was being written over at a crash, or is damaged");
  } catch (const error& failure) {
    return problem(std::string("cannot be read: ") + failure.what());
  }
  return true;
}

const slot_header* loop_slots::find(std::uint32_t version, std::uint64_t schema_hash, std::span<std::byte> buffer,
                                    std::vector<std::string>& problems) {
  // The later one first, for the other one is then not read.
  std::sort(slots_.begin(), slots_.end(), [](const slot& a, const slot& b) {
    return (a.header ? a.header->round + 1 : 0) > (b.header ? b.header->round + 1 : 0);
  });
  for (std::size_t place = 0; place < slots_.size(); ++place) {
    slot& one = slots_[place];
    if (!one.header || one.header->version != version || one.header->schema_hash != schema_hash) continue;
    if (!is_whole(one, buffer, problems)) continue;
    latest_ = place;
    make_durable(one);  // it may be in the kernel's cache alone, and the other one is written over next (rule 4)
    return &*one.header;
  }
  return nullptr;
}

void loop_slots::make_durable(slot& one) const {
  if (owner_->durable_ != durability::power) return;
  one.open->sync();
  if (std::exchange(one.is_new, false)) owner_->files_.sync_directory(owner_->directory_);
}

void loop_slots::read(const std::function<void(decoder&)>& read_state) const {
  const slot& one = slots_[*latest_];
  const auto size = static_cast<std::size_t>(one.header->size);
  // A file object of its own, so that the mapping ends with it.
  const auto reading = owner_->files_.open_to_write(one.path);
  if (const auto mapped = reading->map(slot_payload_at + size); !mapped.empty()) {
    decoder in(mapped.subspan(slot_payload_at, size));
    read_state(in);
    return;
  }
  std::vector<std::byte> bytes(size);
  reading->read(slot_payload_at, bytes);
  decoder in(bytes);
  read_state(in);
}

// A file that failed is not used again: after a flush that failed nobody knows what is in it (rule 6).
void loop_slots::drop(std::size_t place) noexcept {
  const std::filesystem::path path = slots_[place].path;
  slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(place));
  owner_->forget(path);
  if (latest_ && *latest_ > place) --*latest_;
  try {
    owner_->files_.remove(path);
  } catch (...) {  // the next opening finds it
  }
}

loop_slots::written loop_slots::write(slot_header what, std::span<std::byte> buffer,
                                      const std::function<void(encoder&)>& encode) {
  const auto other = [&](std::size_t place) { return !latest_ || place != *latest_; };
  std::size_t place = 0;
  while (place < slots_.size() && !other(place)) ++place;
  if (place == slots_.size()) slots_.push_back(owner_->take_free());
  slot& into = slots_[place];
  into.header.reset();
  try {
    slot_writer out(*into.open, slot_payload_at, buffer);
    encode(out);
    out.finish();
    const bool fresh = slot_payload_at + out.size() > into.size;
    if (owner_->durable_ == durability::power) into.open->sync();
    what.uuid = owner_->uuid_;
    what.identity = identity_;
    what.size = out.size();
    what.payload_crc = out.crc();
    seal(what);
    into.open->write(0, block_of(what));
    make_durable(into);
    into.size = std::max(into.size, slot_payload_at + what.size);
    into.header = what;
    latest_ = place;
    return {what.size, fresh};
  } catch (const error& failure) {
    if (failure.code() == errc::io || failure.code() == errc::disk_full) drop(place);
    throw;
  }
}

}  // namespace pawl::core
