#include "lmdb/blobs.hpp"

#include "record/checkpoint.hpp"
#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace pawl::core {
namespace {

constexpr std::size_t staging_size = std::size_t{2} << 20;

std::uint64_t size_in_blocks(std::uint64_t size) noexcept {
  return (size + uncached_block_size - 1) / uncached_block_size * uncached_block_size;
}

}  // namespace

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
                       bool journaled, bool flushes_ahead)
    : directory_(std::move(directory)), epoch_(epoch), files_(files), journaled_(journaled), ahead_(flushes_ahead) {}

large_object blob_store::store(std::uint64_t schema_hash, std::span<const std::byte> value) {
  const large_object named = name_for(schema_hash, value);
  ahead_.add(named.number, write_file(named, value));
  note_stored(named);
  return named;
}

large_object blob_store::store_flushed(std::uint64_t schema_hash, std::span<const std::byte> value) {
  const large_object named = name_for(schema_hash, value);
  write_file(named, value)->sync();
  note_stored(named);
  return named;
}

void blob_store::note_stored(const large_object& named) {
  const std::scoped_lock lock(mutex_);
  unnamed_.insert(named.number);
  ++stored_;
}

large_object blob_store::name_for(std::uint64_t schema_hash, std::span<const std::byte> value) {
  large_object named{};
  named.schema_hash = schema_hash;
  named.epoch = epoch_;
  named.size = value.size();
  named.crc = crc32c(value);
  const std::scoped_lock lock(mutex_);
  named.number = next_++;
  return named;
}

std::unique_ptr<file> blob_store::write_file(const large_object& named, std::span<const std::byte> value) {
  const auto path = path_of({named.epoch, named.number});
  auto fresh = files_.create(path);
  try {
    fresh->bypass_cache();
    write_blocks(*fresh, value);
    return fresh;
  } catch (...) {
    try {
      files_.remove(path);
    } catch (const error&) {  // the first failure is the one to tell; the next opening removes the file
    }
    throw;
  }
}

// Through memory that begins on a block, as files that are written past the cache need it. Zeros behind the end.
void blob_store::write_blocks(file& into, std::span<const std::byte> value) {
  large_memory staging = take_staging();
  for (std::uint64_t offset = 0; !value.empty();) {
    const std::span<const std::byte> piece = value.first(std::min(value.size(), staging_size));
    const auto size = static_cast<std::size_t>(size_in_blocks(piece.size()));
    std::memcpy(staging.data(), piece.data(), piece.size());
    std::memset(staging.data() + piece.size(), 0, size - piece.size());
    into.write(offset, {staging.data(), size});
    offset += size;
    value = value.subspan(piece.size());
  }
  const std::scoped_lock lock(mutex_);
  staging_.push_back(std::move(staging));
}

large_memory blob_store::take_staging() {
  const std::scoped_lock lock(mutex_);
  if (staging_.empty()) return large_memory(staging_size);
  large_memory taken = std::move(staging_.back());
  staging_.pop_back();
  return taken;
}

void blob_store::read(blob_name name, std::uint64_t size, std::uint32_t crc, std::vector<std::byte>& into) const {
  const auto path = path_of(name);
  const auto damaged = [&](const char* what) {
    return error(errc::damaged,
                 "lmdb: " + path.string() + " " + what + "; restore a backup, or run the item's steps again");
  };
  std::unique_ptr<file> stored;
  try {
    stored = files_.open(path);
  } catch (const error&) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) throw damaged("holds a stored value and is gone");
    throw;
  }
  if (stored->size() != size_in_blocks(size)) throw damaged("has not the size that was recorded");
  into.resize(static_cast<std::size_t>(size));
  stored->read(0, into);
  if (crc32c(into) != crc) throw damaged("does not match its checksum");
}

void blob_store::check_stored(blob_name name) {
  if (journaled_ && name.epoch < epoch_) return;
  const std::scoped_lock lock(mutex_);
  if (name.epoch != epoch_ || !unnamed_.contains(name.number))
    throw error(errc::bad_argument, "lmdb: a checkpoint names the large value " + file_name_of(name) +
                                        ", which was not stored by this opening or belongs to another checkpoint");
}

std::size_t blob_store::make_durable(std::span<const blob_name> names) {
  for (const blob_name name : names) check_stored(name);
  return names.empty() ? 0 : make_all_durable();
}

// The lock is held meanwhile: what is durable for one is so for whoever comes second, too, only when the flush has ended.
std::size_t blob_store::make_all_durable() {
  const std::scoped_lock turn(flushing_);
  if (lost_)
    throw error(errc::stopped, "lmdb: files in " + directory_.string() +
                                   " could not be flushed before; close the engine and open it again");
  const std::uint64_t stored = [&] {
    const std::scoped_lock lock(mutex_);
    return stored_;
  }();
  if (stored == durable_) return 0;
  lost_ = true;
  ahead_.wait();
  files_.sync_directory(directory_);
  lost_ = false;
  const std::uint64_t flushes = stored - durable_ + 1;
  durable_ = stored;
  return static_cast<std::size_t>(flushes);
}

void blob_store::forget(std::span<const blob_name> names) {
  const std::scoped_lock lock(mutex_);
  for (const blob_name name : names)
    if (name.epoch == epoch_) unnamed_.erase(name.number);
}

void blob_store::discard(std::uint64_t commit, std::span<const blob_name> names) {
  for (const blob_name name : names) {
    if (name.epoch != epoch_) continue;
    ahead_.drop(name.number);
    const std::scoped_lock lock(mutex_);
    if (unnamed_.erase(name.number) != 0) dropped_.push_back({commit, name});
  }
}

void blob_store::drop_after(std::uint64_t commit, blob_name name) {
  const std::scoped_lock lock(mutex_);
  dropped_.push_back({commit, name});
}

void blob_store::remove_dropped(const environment& env) noexcept {
  {
    const std::scoped_lock lock(mutex_);
    if (dropped_.empty()) return;
  }
  try {
    remove_dropped(env.oldest_reader());
  } catch (const error&) {  // room is lost until the next opening collects it; nothing else is
  }
}

void blob_store::remove_dropped(std::uint64_t oldest) {
  std::vector<blob_name> now;
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(dropped_, [&](const dropped_file& one) {
      if (one.commit <= oldest) now.push_back(one.name);
      return one.commit <= oldest;
    });
  }
  for (const blob_name name : now) remove(name);
}

std::vector<blob_name> blob_store::list() const {
  std::vector<blob_name> names;
  for (const std::string& name : files_.list(directory_))
    if (const auto blob = blob_of_file_name(name)) names.push_back(*blob);
  return names;
}

}  // namespace pawl::core
