#include "lmdb/blobs.hpp"

#include "record/checkpoint.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <charconv>

namespace pawl::core {

std::string file_name_of(blob_name name) { return std::to_string(name.epoch) + "-" + std::to_string(name.number); }

std::optional<blob_name> blob_of_file_name(std::string_view name) {
  const std::size_t dash = name.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  blob_name blob;
  std::from_chars(name.data(), name.data() + dash, blob.epoch);
  std::from_chars(name.data() + dash + 1, name.data() + name.size(), blob.number);
  if (file_name_of(blob) != name) return std::nullopt;
  return blob;
}

blob_store::blob_store(std::filesystem::path directory, std::uint64_t epoch, file_system& files,
                       bool journaled)
    : directory_(std::move(directory)), epoch_(epoch), files_(files), journaled_(journaled) {}

large_object blob_store::store(std::uint64_t schema_hash, std::span<const std::byte> value) {
  large_object named{};
  named.schema_hash = schema_hash;
  named.epoch = epoch_;
  named.size = value.size();
  named.crc = crc32c(value);
  {
    const std::scoped_lock lock(mutex_);
    named.number = next_++;
  }
  const auto path = path_of({named.epoch, named.number});
  auto fresh = files_.create(path);
  try {
    fresh->write(0, value);
  } catch (...) {
    try {
      files_.remove(path);
    } catch (const error&) {  // the first failure is the one to tell; the next opening removes the file
    }
    throw;
  }
  fresh->begin_sync();
  const std::scoped_lock lock(mutex_);
  pending_.emplace(named.number, pending_file{std::move(fresh)});
  return named;
}

void blob_store::read(blob_name name, std::uint64_t size, std::uint32_t crc, std::vector<std::byte>& into) const {
  const auto path = path_of(name);
  const auto damaged = [&](const char* what) {
    return error(errc::damaged,
                 "lmdb: " + path.string() + " " + what + "; restore a backup, or run the item's steps again");
  };
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) throw damaged("holds a stored value and is gone");
  const auto stored = files_.open(path);
  if (stored->size() != size) throw damaged("has not the size that was recorded");
  into.resize(static_cast<std::size_t>(size));
  stored->read(0, into);
  if (crc32c(into) != crc) throw damaged("does not match its checksum");
}

// The file to flush, null where it is durable.
std::shared_ptr<file> blob_store::pending(blob_name name) {
  if (journaled_ && name.epoch < epoch_) return nullptr;
  const std::scoped_lock lock(mutex_);
  const auto at = name.epoch == epoch_ ? pending_.find(name.number) : pending_.end();
  if (at == pending_.end())
    throw error(errc::bad_argument, "lmdb: a checkpoint names the large value " + file_name_of(name) +
                                        ", which was not stored by this opening or belongs to another checkpoint");
  return at->second.open;
}

std::size_t blob_store::make_durable(std::span<const blob_name> names) {
  if (names.empty()) return 0;
  for (const blob_name name : names)
    if (const auto one = pending(name)) one->begin_sync();
  std::size_t flushes = 0;
  for (const blob_name name : names) {
    const auto one = pending(name);
    if (!one) continue;
    one->sync();
    ++flushes;
    const std::scoped_lock lock(mutex_);
    pending_[name.number].open.reset();
  }
  files_.sync_directory(directory_);
  return flushes + 1;
}

std::size_t blob_store::make_all_durable() {
  std::vector<std::pair<std::uint64_t, std::shared_ptr<file>>> open;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& [number, one] : pending_)
      if (one.open) open.emplace_back(number, one.open);
  }
  if (open.empty()) return 0;
  for (const auto& [number, one] : open) one->begin_sync();
  for (const auto& [number, one] : open) one->sync();
  files_.sync_directory(directory_);
  const std::scoped_lock lock(mutex_);
  for (const auto& [number, one] : open)
    if (const auto at = pending_.find(number); at != pending_.end()) at->second.open.reset();
  return open.size() + 1;
}

void blob_store::forget(std::span<const blob_name> names) {
  const std::scoped_lock lock(mutex_);
  for (const blob_name name : names)
    if (name.epoch == epoch_) pending_.erase(name.number);
}

void blob_store::discard(std::span<const blob_name> names) noexcept {
  for (const blob_name name : names) {
    if (name.epoch != epoch_) continue;
    {
      const std::scoped_lock lock(mutex_);
      if (pending_.erase(name.number) == 0) continue;
    }
    try {
      remove(name);
    } catch (const error&) {  // left to the next opening
    }
  }
}

void blob_store::remove_dropped(const environment& env) noexcept {
  if (dropped_.empty()) return;
  try {
    const std::uint64_t oldest = env.oldest_reader();
    std::erase_if(dropped_, [&](const dropped_file& one) {
      if (one.commit > oldest) return false;
      remove(one.name);
      return true;
    });
  } catch (const error&) {  // room is lost until the next opening collects it; nothing else is
  }
}

std::vector<blob_name> blob_store::list() const {
  std::vector<blob_name> names;
  for (const std::string& name : files_.list(directory_))
    if (const auto blob = blob_of_file_name(name)) names.push_back(*blob);
  return names;
}

}  // namespace pawl::core
