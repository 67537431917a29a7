#include "flight/crash_counts.hpp"

#include "store/crc32c.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <span>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::uint64_t counts_magic = 0x31687372436c7750;  // "PwlCrsh1"
constexpr std::size_t entries_max = 16'384;
constexpr const char* file_name = "counts";
constexpr const char* fresh_name = "counts.new";
constexpr const char* lock_name = "lock";

struct counts_header {
  std::uint64_t magic;
  hash_key uuid;
  std::uint32_t entries;
  std::uint32_t crc;
};
static_assert(sizeof(counts_header) == 32);

std::uint32_t checksum(std::span<const crash_entry> entries) noexcept { return crc32c(std::as_bytes(entries)); }

constexpr std::uint64_t unknown_version = ~std::uint64_t{0};

// Which content it is. (Of the file's time and number the system makes no promise so fine.)
std::uint64_t version_of(const counts_header& header) noexcept {
  return std::uint64_t{header.entries + 1} << 32 | header.crc;
}

bool is_there(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) return true;
  if (errno != ENOENT) throw_file_error(errno, "look at", path);
  return false;
}

}  // namespace

crash_counts::crash_counts(file_system& files, std::filesystem::path directory, const hash_key& uuid, bool shared,
                           std::vector<std::string>& warnings)
    : files_(files),
      directory_(std::move(directory)),
      uuid_(uuid),
      among_(shared ? std::make_optional<file_lock>(directory_ / lock_name) : std::nullopt) {
  read(&warnings);
}

void crash_counts::read(std::vector<std::string>* warnings) {
  std::uint64_t version = version_;
  std::vector<crash_entry> entries = read_entries(warnings, version);
  if (version == version_) return;
  version_ = version;
  const std::scoped_lock lock(mutex_);
  entries_ = std::move(entries);
  size_ = entries_.size();
}

// None where `version` is still that of the file, and where it cannot be used. Without `warnings`, whoever opened it was
// told, and what cannot be read now is known as before: that throws.
std::vector<crash_entry> crash_counts::read_entries(std::vector<std::string>* warnings, std::uint64_t& version) {
  const std::uint64_t known = std::exchange(version, 0);
  const std::filesystem::path path = directory_ / file_name;
  if (!is_there(path)) return {};
  const auto refuse = [&](const std::string& why) {
    if (warnings == nullptr) return std::vector<crash_entry>();
    warnings->push_back("flight: " + path.string() + " " + why +
                        "; how often items took the process down is counted anew");
    return std::vector<crash_entry>();
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
    if (version_of(header) == known) {
      version = known;
      return {};
    }
    std::vector<crash_entry> entries(header.entries);
    bytes->read(sizeof header, std::as_writable_bytes(std::span{entries}));
    if (checksum(entries) != header.crc) return refuse("is damaged");
    version = version_of(header);
    return entries;
  } catch (const error& failure) {
    if (warnings == nullptr && failure.code() == errc::io) throw;
    return refuse(std::string("cannot be read: ") + failure.what());
  }
}

crash_counts::turn crash_counts::take_turn(std::chrono::milliseconds within) {
  turn taken;
  taken.within_ = std::unique_lock(changing_);
  if (!among_) return taken;
  const auto until = std::chrono::steady_clock::now() + within;
  auto among = among_->take([&] { return std::chrono::steady_clock::now() > until; });
  if (among) taken.among_.emplace(std::move(*among));
  else
    throw error(errc::io, "flight: another process has had " + (directory_ / lock_name).string() +
                              " for long; see whether one is stopped, let it go on or end it by `pawl evict`");
  read(nullptr);
  return taken;
}

// Not beside a turn within the process: that one may have begun to wait before what is looked for was written.
void crash_counts::refresh() {
  if (!among_) return;
  const std::scoped_lock lock(changing_);
  read(nullptr);
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

bool crash_counts::any_batch(workflow_id workflow) const {
  const std::scoped_lock lock(mutex_);
  return std::any_of(entries_.begin(), entries_.end(),
                     [&](const crash_entry& one) { return one.workflow == workflow && one.key_digest == 0; });
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
  std::vector<crash_entry> entries;
  {
    const std::scoped_lock lock(mutex_);
    entries = entries_;
  }
  version_ = unknown_version;  // should it fail, the others' file is what counts
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
  version_ = version_of(header);
  files_.sync_directory(directory_);
}

std::uint64_t crash_counts::last_record() const {
  const std::scoped_lock lock(mutex_);
  std::uint64_t last = 0;
  for (const crash_entry& one : entries_) last = std::max(last, one.record);
  return last;
}

}  // namespace pawl::core
