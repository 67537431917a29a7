// The words of the public enumerations, and of what is promised of a step.
#include "tell/guarantee.hpp"

#include <pawl/describe.hpp>
#include <pawl/detail/erased.hpp>
#include <pawl/error.hpp>
#include <pawl/options.hpp>
#include <pawl/report.hpp>

namespace pawl {

std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::bad_argument: return "bad_argument";
    case errc::state_in_use: return "state_in_use";
    case errc::not_a_state: return "not_a_state";
    case errc::newer_format: return "newer_format";
    case errc::damaged: return "damaged";
    case errc::disk_full: return "disk_full";
    case errc::io: return "io";
    case errc::too_large: return "too_large";
    case errc::source_failed: return "source_failed";
    case errc::key_failed: return "key_failed";
    case errc::codec_failed: return "codec_failed";
    case errc::schema_mismatch: return "schema_mismatch";
    case errc::not_found: return "not_found";
    case errc::stopped: return "stopped";
    case errc::callback_failed: return "callback_failed";
    case errc::window_full: return "window_full";
  }
  return "unknown";
}

std::string_view name_of(item_state state) noexcept {
  switch (state) {
    case item_state::pending: return "pending";
    case item_state::in_progress: return "in_progress";
    case item_state::done: return "done";
    case item_state::failed: return "failed";
    case item_state::skipped: return "skipped";
  }
  return "unknown";
}

std::string_view name_of(step_kind kind) noexcept {
  switch (kind) {
    case step_kind::effect: return "step";
    case step_kind::pure: return "pure";
    case step_kind::transactional: return "transactional";
    case step_kind::loop: return "loop";
    case step_kind::batch: return "batch";
    case step_kind::each: return "each";
    case step_kind::parallel: return "parallel";
  }
  return "unknown";
}

std::string_view core::guarantee_of(step_kind kind, bool idempotent, bool at_most_once) noexcept {
  if (kind == step_kind::pure) return "touches nothing outside";
  if (kind == step_kind::transactional) return "exactly once";
  if (kind == step_kind::loop) return "at least once, from its last checkpoint on";
  if (kind == step_kind::each) return "each child as its own steps say";
  if (kind == step_kind::parallel) return "each branch as its own step says";
  if (at_most_once) return "at most once";
  return idempotent ? "at least once; a repeated effect is declared harmless" : "at least once";
}

std::string_view name_of(durability kind) noexcept {
  switch (kind) {
    case durability::power: return "power";
    case durability::process: return "process";
  }
  return "unknown";
}

}  // namespace pawl
