#include "support/journal_machine.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>

namespace pawl::test {

using namespace core;

journal_machine::journal_machine(std::uint64_t seed, durability mode, const machine_faults& faults)
    : random_(seed), faults_(faults), files_(std::make_unique<memory_files>()) {
  for (std::byte& one : uuid_) one = static_cast<std::byte>(random_());
  options = {.durability = mode,
             .size_max = 256 << 10,
             .segment_size_first = 32 << 10,
             .segment_size_max = 64 << 10,
             .mapped_append_max = std::size_t{random_() % 2 == 0 ? 0u : 4096u},
             .memory_max = std::uint64_t{random_() % 3 == 0 ? 0u : 100'000u}};
  journal::make(*files_, directory_, uuid_);
  plant();
}

void journal_machine::plant() {
  files_->sync_lies = faults_.sync_lies;
  files_->sync_directory_lies = faults_.sync_directory_lies;
}

void journal_machine::kill() {
  ++crash_states_;
  files_ = files_->after_kill();
  plant();
}

void journal_machine::cut_power() {
  ++crash_states_;
  files_ = files_->after_power_cut(random_);
  plant();
  recorded_ = durable_;
}

std::optional<std::string> journal_machine::recover(std::unique_ptr<journal>& into) {
  ++epoch_;
  // LMDB may fall back to the commit before the last one (rule 11); both are durable.
  lsn applied = random_() % 4 == 0 ? applied_before_ : applied_;
  const journal_salt salt(uuid_);
  found_log found;
  try {
    found = find_log(*files_, directory_, salt, applied, applied, true);
  } catch (const error& failure) {
    return std::string("a log that nobody damaged is called damaged: ") + failure.what();
  }
  if (found.end < recorded_)
    return "acknowledged up to " + std::to_string(recorded_) + ", and the log ends at " + std::to_string(found.end);
  if (found.end > stream_.size()) return std::string("the log has more than was ever appended");
  stream_.resize(found.end);
  // The commit that raised the epoch came before anything of the journal is touched: now both of LMDB's metas say so.
  applied_before_ = applied_ = applied;
  into = std::make_unique<journal>(*files_, directory_, uuid_, epoch_, std::move(found), options);
  recorded_ = std::max(recorded_, into->recorded());
  durable_ = std::max(durable_, into->durable());
  return std::nullopt;
}

void journal_machine::append(journal& log) {
  std::vector<std::vector<std::byte>> groups(random_() % 4 + 1);
  std::vector<std::span<const std::byte>> spans;
  for (auto& one : groups) {
    const std::size_t size_max = random_() % 8 == 0 ? 9'000 : 600;
    one.resize((random_() % size_max / 8 + 1) * 8);
    for (std::size_t at = 0; at < one.size(); at += 8) {
      const std::uint64_t word = random_();
      std::memcpy(one.data() + at, &word, sizeof word);
    }
    spans.emplace_back(one);
    stream_.insert(stream_.end(), one.begin(), one.end());
  }
  log.append(spans);
  recorded_ = log.recorded();
  durable_ = log.durable();
}

std::optional<std::string> journal_machine::apply(journal& log) {
  if (options.durability == durability::process) log.flush();
  durable_ = std::max(durable_, log.durable());
  lsn at = applied_;
  if (!log.read(batch_, random_() % 100'000 + 1)) {
    applied_before_ = applied_;  // a commit that applies nothing new is one more past the last
    log.release(applied_before_);
    return std::nullopt;
  }
  for (const auto group : batch_.groups) {
    if (at + group.size() > stream_.size() || !std::equal(group.begin(), group.end(), stream_.begin() + static_cast<std::ptrdiff_t>(at)))
      return "what is read back from " + std::to_string(at) + " on is not what was appended";
    at += group.size();
  }
  if (at != batch_.end) return std::string("a batch does not end where it says");
  applied_before_ = applied_;
  applied_ = batch_.end;
  log.release(faults_.releases_early ? applied_ : applied_before_);
  return std::nullopt;
}

std::optional<std::string> journal_machine::work(journal& log) {
  // Whoever applies is another thread in the engine; here it is asked whenever there might be no room.
  for (int i = 0; i < 12; ++i)
    if (log.needs().room)
      if (auto wrong = apply(log)) return wrong;
  switch (random_() % 8) {
    case 0: return apply(log);
    case 1:
      log.flush();
      durable_ = std::max(durable_, log.durable());
      break;
    case 2: log.prepare_segment(); break;
    default: append(log);
  }
  return std::nullopt;
}

std::optional<std::string> journal_machine::live(std::uint64_t crash_at, unsigned works) {
  files_->crash_at(crash_at);
  std::unique_ptr<journal> log;
  try {
    if (auto wrong = recover(log)) return wrong;
    for (unsigned i = 0; i < works; ++i)
      if (auto wrong = work(*log)) return wrong;
  } catch (const simulated_crash&) {
  }
  return std::nullopt;
}

}  // namespace pawl::test
