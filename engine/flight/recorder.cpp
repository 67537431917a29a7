#include "flight/recorder.hpp"

#include "file/fork.hpp"
#include "flight/inquest.hpp"
#include "flight/out_of_memory.hpp"
#include "flight/record.hpp"
#include "record/key.hpp"

#include <pawl/error.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <span>
#include <thread>

namespace pawl::core {
namespace {

constexpr std::uint64_t quiet_within_ns = 10'000'000'000;  // a suspect waits so long for calls that are under way
constexpr std::uint64_t alone_for_ns = 60'000'000'000;     // others wait so long for a suspect
// The counts are somebody's for two flushes at a time; by those who can try again later they are not waited for long.
constexpr std::chrono::seconds counts_within{5};
constexpr std::chrono::milliseconds counts_soon{20};
constexpr auto look_every = std::chrono::microseconds(200);

std::uint64_t monotonic_ns() noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count());
}

std::uint64_t unix_us() noexcept {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count());
}

}  // namespace

flight_recorder::flight_recorder(file_system& files, const flight_options& options, backend& store,
                                 const flight_company* company, std::vector<std::string>& warnings,
                                 std::vector<std::string>& told)
    : files_(files),
      options_(options),
      store_(store),
      uuid_(store.uuid()),
      process_(process_generation()),
      shared_(company != nullptr) {
  try {
    prepare_directory();
    counts_.emplace(files_, options_.directory, uuid_, shared_, warnings);
    std::vector<std::uint64_t> numbers = flight_numbers(options_.directory);
    number_ = shared_ ? company->own : std::max(counts_->last_record(), numbers.empty() ? 0 : numbers.back()) + 1;
    if (shared_) std::erase_if(numbers, company->is_there);
    take_in_records(numbers, warnings, told, counts_within);
    make_record();
  } catch (const error& failure) {
    header_ = nullptr;
    slots_ = nullptr;
    free_.clear();
    warnings.push_back(std::string("flight: nothing is noted of crashes until this is mended: ") + failure.what());
    return;
  }
  if (options_.handlers) handlers_ = std::make_unique<crash_handlers>(*this);
}

flight_recorder::~flight_recorder() {
  handlers_.reset();
  if (process_generation() != process_ || !bytes_) return;
  bytes_.reset();
  try {
    files_.remove(flight_path(options_.directory, number_));
  } catch (...) {  // the next opening finds it, and nothing under way in it
  }
}

// Another process may be making it, too.
void flight_recorder::prepare_directory() {
  struct stat status {};
  const auto look = [&] { return ::lstat(options_.directory.c_str(), &status) == 0; };
  if (!look()) {
    try {
      files_.make_directory(options_.directory);
      files_.sync_directory(options_.directory.parent_path());
    } catch (const error&) {
      if (!shared_ || !look()) throw;
    }
  }
  if (look() && !S_ISDIR(status.st_mode))
    throw error(errc::not_a_state, "flight: " + options_.directory.string() + " is not a plain directory; remove it");
}

// What follows from them is on the disk before they go. Of several who find the same process dead the first does it.
void flight_recorder::take_in_records(const std::vector<std::uint64_t>& numbers, std::vector<std::string>& warnings,
                                      std::vector<std::string>& told, std::chrono::milliseconds within) {
  if (numbers.empty()) return;
  const crash_counts::turn turn = counts_->take_turn(within);
  const oom_counters oom = read_oom_counters();
  const boot_id boot = this_boot();
  for (const std::uint64_t number : numbers) {
    std::string problem;
    const auto record = read_flight(options_.directory, number, uuid_, problem);
    if (!problem.empty()) warnings.push_back(problem + "; it is left out of account and made anew");
    if (record && !record->calls.empty() && take_in(*record, oom, boot, store_, *counts_, told)) counts_->write();
    struct stat status {};
    const std::filesystem::path path = flight_path(options_.directory, number);
    if (::lstat(path.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) files_.remove(path);
  }
}

bool flight_recorder::take_in_dead(std::uint64_t number, std::vector<std::string>& told) {
  if (!counts_) return true;
  std::vector<std::string> warnings;
  bool done = true;
  try {
    take_in_records({number}, warnings, told, counts_soon);
  } catch (const error& failure) {
    warnings.push_back(std::string("flight: it is not known what process number ") + std::to_string(number) +
                       " was executing when it died: " + failure.what());
    done = false;
  }
  for (const std::string& one : warnings) told.push_back("event=state_warning reason=\"" + printable(one) + "\"");
  return done;
}

// A process that is killed between the two stores leaves a record that cannot be used: seldom, for they are made only when
// somebody has been killed for memory.
void flight_recorder::renew_memory_kills() noexcept {
  if (header_ == nullptr) return;
  try {
    const oom_counters now = read_oom_counters();
    if (!killed_for_memory(header_->oom, now)) return;
    header_->oom = now;
    seal(*header_);
  } catch (...) {  // as they were
  }
}

void flight_recorder::refresh() noexcept {
  if (!counts_) return;
  try {
    counts_->refresh();
  } catch (...) {  // as it was known
  }
}

// There is room for it on the disk before it is mapped (rule 12).
void flight_recorder::make_record() {
  const std::size_t slots = std::clamp<std::size_t>(options_.slots, 1, flight_slots_max);
  const std::size_t size = flight_slots_at + slots * sizeof(flight_slot);
  std::vector<std::byte> front(size);
  flight_header header{};
  header.magic = flight_magic;
  header.slots = static_cast<std::uint32_t>(slots);
  header.handles = options_.handlers ? 1 : 0;
  header.uuid = uuid_;
  header.boot = this_boot();
  header.number = number_;
  header.pid = static_cast<std::uint64_t>(::getpid());
  header.opened_us = unix_us();
  header.oom = read_oom_counters();
  seal(header);
  std::memcpy(front.data(), &header, sizeof header);
  bytes_ = files_.create(flight_path(options_.directory, number_));
  bytes_->write(0, front);
  bytes_->sync();
  const std::span<std::byte> mapped = bytes_->map(size);
  if (mapped.empty()) throw error(errc::io, "flight: the record could not be mapped; raise the limit on memory");
  header_ = reinterpret_cast<flight_header*>(mapped.data());
  slots_ = reinterpret_cast<flight_slot*>(mapped.data() + flight_slots_at);
  for (std::size_t i = slots; i > 0; --i) free_.push_back(slots_ + i - 1);
}

flight_slot* flight_recorder::take_slot() {
  const std::scoped_lock lock(mutex_);
  if (free_.empty()) return nullptr;
  flight_slot* const taken = free_.back();
  free_.pop_back();
  return taken;
}

void flight_recorder::give_back(flight_slot* slot) noexcept {
  const std::scoped_lock lock(mutex_);
  free_.push_back(slot);  // it has been in there
}

void flight_recorder::note_death(const fatal_note& what) noexcept {
  if (header_ != nullptr) header_->death = what;
}

std::uint64_t flight_recorder::digest(std::string_view typed_key) const noexcept {
  return digest_of(uuid_, std::as_bytes(std::span{typed_key}));
}

std::optional<crash_entry> flight_recorder::known(workflow_id workflow, std::string_view typed_key) const {
  return knows_any() ? counts_->find(workflow, digest(typed_key)) : std::nullopt;
}

std::uint32_t flight_recorder::calls_singly(workflow_id workflow, std::uint16_t step) const {
  const auto found = knows_any() && !shared_ ? counts_->find_batch(workflow, step) : std::nullopt;
  return found ? found->entries : 0;
}

bool flight_recorder::calls_left_behind_singly(workflow_id workflow) const {
  return shared_ && knows_any() && counts_->any_batch(workflow);
}

// `change` says whether it is to be written. Where that cannot be done, too much may be counted later.
template <class Change>
void flight_recorder::change_counts(const Change& change) noexcept {
  try {
    const crash_counts::turn turn = counts_->take_turn(counts_within);
    if (change(*counts_)) counts_->write();
  } catch (...) {
  }
}

void flight_recorder::progressed(workflow_id workflow, std::string_view typed_key, std::uint16_t step) {
  const auto entry = known(workflow, typed_key);
  if (entry && step >= entry->step) forget(workflow, typed_key);
}

void flight_recorder::forget(workflow_id workflow, std::string_view typed_key) {
  const std::uint64_t key = digest(typed_key);
  if (!knows_any() || !counts_->find(workflow, key)) return;
  change_counts([&](crash_counts& counts) { return counts.forget(workflow, key); });
}

void flight_recorder::called_singly(workflow_id workflow, std::uint16_t step, std::uint32_t entries) {
  if (shared_ || !counts_->find_batch(workflow, step)) return;
  change_counts([&](crash_counts& counts) {
    auto entry = counts.find_batch(workflow, step);
    if (!entry) return false;
    if (entry->entries <= entries) return counts.forget_batch(workflow, step);
    entry->entries -= entries;
    counts.set(*entry);
    return false;
  });
}

void flight_recorder::forgive(workflow_id workflow) {
  if (options_.max_crashes == 0 || !knows_any()) return;
  change_counts([&](crash_counts& counts) { return counts.forget_if(workflow, options_.max_crashes); });
}

bool flight_recorder::others_are_calling(const flight_slot* own) const noexcept {
  if (header_ == nullptr) return false;
  for (std::uint32_t i = 0; i < header_->slots; ++i)
    if (slots_ + i != own && (std::atomic_ref<std::uint64_t>(slots_[i].call).load(std::memory_order_acquire) & 1) != 0)
      return true;
  return false;
}

// A call that passed the look at the turn just before it was taken may be seen late, or not. Nobody is blamed for that:
// what counts is what the marks say at the death.
std::uint64_t flight_recorder::take_turn(const flight_slot* own, const std::function<bool()>& enough) {
  const std::uint64_t began = monotonic_ns();
  const std::uint64_t turn = began + quiet_within_ns + alone_for_ns;
  for (std::uint64_t free = 0; !alone_until_.compare_exchange_strong(free, turn); free = 0) {
    if (monotonic_ns() > free || enough()) return 0;
    std::this_thread::sleep_for(look_every);
  }
  while (others_are_calling(own) && !enough() && monotonic_ns() - began < quiet_within_ns)
    std::this_thread::sleep_for(look_every);
  return turn;
}

void flight_recorder::wait_for_turn(const std::function<bool()>& enough) const {
  for (;;) {
    const std::uint64_t until = alone_until_.load(std::memory_order_acquire);
    if (until == 0 || monotonic_ns() > until || enough()) return;
    std::this_thread::sleep_for(look_every);
  }
}

}  // namespace pawl::core
