#include "run/run_state.hpp"

#include "record/key.hpp"

#include <spdlog/spdlog.h>

namespace pawl::core {
namespace {

constexpr std::size_t entries_kept = 20;
constexpr std::size_t held_kept = 3;

}  // namespace

void run_state::note_end(item_state state, std::string_view key, std::uint16_t step, std::string_view reason) {
  const std::string& name = step < chain->steps.size() ? chain->steps[step].name : chain->name;
  bool first = false;
  {
    const std::scoped_lock lock(entries_mutex_);
    auto& entries = state == item_state::failed ? failures_ : skips_;
    first = entries.size() < entries_kept;
    if (first) entries.push_back({printable_key(key), name, printable(reason)});
  }
  const auto level = state == item_state::skipped ? spdlog::level::debug
                     : first                      ? spdlog::level::warn
                                                  : spdlog::level::debug;
  if (logger.should_log(level))
    logger.log(level, "event={} workflow={} key=\"{}\" step={} reason=\"{}\"",
               state == item_state::failed ? "item_failed" : "item_skipped", chain->name, printable_key(key), name,
               printable(reason));
}

void run_state::note_held(std::string_view key, std::uint16_t step, std::string_view reason) {
  {
    const std::scoped_lock lock(entries_mutex_);
    if (held_noted_ == held_kept) return;
    ++held_noted_;
  }
  note_end(item_state::failed, key, step, reason);
}

void run_state::note_left(std::string_view key, std::uint16_t step, item_state state, std::string_view reason) {
  const std::string& name = step < chain->steps.size() ? chain->steps[step].name : chain->name;
  counts.left.fetch_add(1, std::memory_order_relaxed);
  if (state != item_state::failed) counts.left_unfinished.fetch_add(1, std::memory_order_relaxed);
  const std::scoped_lock lock(entries_mutex_);
  if (left_.size() < entries_kept) left_.push_back({printable_key(key), name, printable(reason)});
}

void run_state::fill_entries(report& into) const {
  const std::scoped_lock lock(entries_mutex_);
  into.first_failures = failures_;
  into.first_skips = skips_;
  into.first_left = left_;
}

}  // namespace pawl::core
