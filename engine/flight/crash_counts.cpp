#include "flight/crash_counts.hpp"

#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <span>

namespace pawl::core {
namespace {

constexpr std::uint64_t counts_magic = 0x31687372436c7750;  // "PwlCrsh1"
constexpr std::size_t entries_max = 16'384;
constexpr const char* file_name = "counts";
constexpr const char* fresh_name = "counts.new";

struct counts_header {
  std::uint64_t magic;
  hash_key uuid;
  std::uint32_t entries;
  std::uint32_t crc;
};
static_assert(sizeof(counts_header) == 32);

std::uint32_t checksum(std::span<const crash_entry> entries) noexcept { return crc32c(std::as_bytes(entries)); }

}  // namespace

crash_counts::crash_counts(file_system& files, std::filesystem::path directory, const hash_key& uuid,
                           std::vector<std::string>& warnings)
    : files_(files), directory_(std::move(directory)), uuid_(uuid) {
  read(warnings);
  size_ = entries_.size();
}

void crash_counts::read(std::vector<std::string>& warnings) {
  const std::vector<std::string> names = files_.list(directory_);
  if (std::find(names.begin(), names.end(), file_name) == names.end()) return;
  const std::filesystem::path path = directory_ / file_name;
  const auto refuse = [&](const std::string& why) {
    warnings.push_back("flight: " + path.string() + " " + why +
                       "; how often items took the process down is counted anew");
    entries_.clear();
  };
  try {
    const auto bytes = files_.open(path);
    const std::uint64_t size = bytes->size();
    counts_header header;
    if (size < sizeof header) return refuse("is no list of crashes");
    bytes->read(0, std::as_writable_bytes(std::span{&header, 1}));
    if (header.magic != counts_magic || header.entries > entries_max ||
        size != sizeof header + header.entries * sizeof(crash_entry))
      return refuse("is no list of crashes");
    if (header.uuid != uuid_) return refuse("is of another state");
    entries_.resize(header.entries);
    bytes->read(sizeof header, std::as_writable_bytes(std::span{entries_}));
    if (checksum(entries_) != header.crc) refuse("is damaged");
  } catch (const error& failure) {
    refuse(std::string("cannot be read: ") + failure.what());
  }
}

std::optional<crash_entry> crash_counts::find(workflow_id workflow, std::uint64_t key_digest) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const crash_entry& one) {
    return one.workflow == workflow && one.key_digest == key_digest && key_digest != 0;
  });
  return found == entries_.end() ? std::nullopt : std::optional(*found);
}

std::optional<crash_entry> crash_counts::find_batch(workflow_id workflow, std::uint16_t step) const {
  const std::scoped_lock lock(mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const crash_entry& one) {
    return one.workflow == workflow && one.key_digest == 0 && one.step == step;
  });
  return found == entries_.end() ? std::nullopt : std::optional(*found);
}

void crash_counts::set(const crash_entry& entry) {
  const std::scoped_lock lock(mutex_);
  std::erase_if(entries_, [&](const crash_entry& one) {
    return one.workflow == entry.workflow && one.key_digest == entry.key_digest &&
           (entry.key_digest != 0 || one.step == entry.step);
  });
  if (entries_.size() == entries_max)  // items that never came again
    entries_.erase(std::min_element(entries_.begin(), entries_.end(),
                                    [](const crash_entry& a, const crash_entry& b) { return a.record < b.record; }));
  entries_.push_back(entry);
  size_ = entries_.size();
}

template <class Which>
bool crash_counts::forget_those(const Which& which) {
  const std::scoped_lock lock(mutex_);
  const bool any = std::erase_if(entries_, which) != 0;
  size_ = entries_.size();
  return any;
}

bool crash_counts::forget(workflow_id workflow, std::uint64_t key_digest) {
  return forget_those(
      [&](const crash_entry& one) { return one.workflow == workflow && one.key_digest == key_digest && key_digest != 0; });
}

bool crash_counts::forget_batch(workflow_id workflow, std::uint16_t step) {
  return forget_those(
      [&](const crash_entry& one) { return one.workflow == workflow && one.key_digest == 0 && one.step == step; });
}

bool crash_counts::forget_if(workflow_id workflow, std::uint32_t crashes_at_least) {
  return forget_those(
      [&](const crash_entry& one) { return one.workflow == workflow && one.crashes >= crashes_at_least; });
}

void crash_counts::write() {
  const std::scoped_lock one_at_a_time(writing_);
  std::vector<crash_entry> entries;
  {
    const std::scoped_lock lock(mutex_);
    entries = entries_;
  }
  const counts_header header{counts_magic, uuid_, static_cast<std::uint32_t>(entries.size()), checksum(entries)};
  const std::filesystem::path fresh = directory_ / fresh_name;
  files_.remove(fresh);
  {
    const auto bytes = files_.create(fresh);
    bytes->write(0, std::as_bytes(std::span{&header, 1}));
    bytes->write(sizeof header, std::as_bytes(std::span{entries}));
    bytes->sync();
  }
  files_.rename(fresh, directory_ / file_name);
  files_.sync_directory(directory_);
}

std::uint64_t crash_counts::last_record() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t last = 0;
  for (const crash_entry& one : entries_) last = std::max(last, one.record);
  return last;
}

}  // namespace pawl::core
