#include "record/fold.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <string>

namespace pawl::core {
namespace {

constexpr std::uint64_t took_max = std::numeric_limits<std::uint64_t>::max() >> 1;

[[noreturn]] void throw_cannot_follow(const checkpoint_header& header, const char* why) {
  throw error(errc::damaged, "record: a checkpoint of item " + std::to_string(header.item) + " of workflow " +
                                 std::to_string(header.workflow) + " (step " + std::to_string(header.step) + ") " +
                                 why + "; nothing was recorded of it; run `pawl verify` on the state and report this");
}

bool has(const checkpoint_header& header, std::uint8_t flag) noexcept { return (header.flags & flag) != 0; }

// An item can be stopped at a step number that is not the row's, where the chain has changed:
// that is no step it took.
void set_time(row& now, const checkpoint_header& header) {
  if (header.step != now.times.size() && header.step + std::size_t{1} != now.times.size()) return;
  now.times.resize(header.step + std::size_t{1});
  now.times[header.step] = {header.at_us, std::min(header.detail, took_max), header.attempt};
}

void drop_value(row& now, std::uint16_t number) {
  std::erase_if(now.values, [&](const row_value& one) { return one.number == number; });
}

// The latest result makes way. A kept one stays stored.
void drop_latest(row& now) {
  const row_value* latest = now.value(now.result_number);
  if (now.result_number != 0 && latest != nullptr && !latest->keep) drop_value(now, now.result_number);
  now.result_number = 0;
}

void clear_trouble(row& now) noexcept {
  now.attempts = 0;
  now.delay_ns = 0;
  now.error = {};
  now.sticky = false;
  now.started = false;
}

void set_trouble(row& now, const checkpoint& next, std::uint64_t delay_ns) noexcept {
  now.attempts = next.header.attempt;
  now.delay_ns = delay_ns;
  now.error = next.text.substr(0, error_size_max);
  now.started = false;
}

row_value value_of_payload(const checkpoint& from, std::uint16_t number) {
  row_value value;
  value.number = number;
  if (has(from.header, checkpoint_flag::large)) {
    large_object named;
    if (from.payload.size() != sizeof named) throw_cannot_follow(from.header, "names a file and is malformed");
    std::memcpy(&named, from.payload.data(), sizeof named);
    value.place = value_place::file;
    value.schema_hash = named.schema_hash;
    value.size = named.size;
    value.crc = named.crc;
    value.epoch = named.epoch;
    value.file_number = named.number;
    return value;
  }
  if (from.payload.size() < sizeof value.schema_hash)
    throw_cannot_follow(from.header, "has a payload without a schema hash");
  std::memcpy(&value.schema_hash, from.payload.data(), sizeof value.schema_hash);
  value.bytes = from.payload.subspan(sizeof value.schema_hash);
  value.size = value.bytes.size();
  return value;
}

void set_input(row& now, const checkpoint& next) {
  if (!next.payload.empty())
    now.set_value(value_of_payload(next, 0));
  else if (has(next.header, checkpoint_flag::input_is_key))
    drop_value(now, 0);
  else
    return;
  now.input_is_key = next.payload.empty();
}

void fold_admitted(row& now, const checkpoint& next) {
  now.clear();
  now.key = next.text;
  set_input(now, next);
}

void fold_completed(row& now, const checkpoint& next) {
  const checkpoint_header& header = next.header;
  const auto number = static_cast<std::uint16_t>(header.step + 1);
  if (!next.payload.empty()) {
    row_value fresh = value_of_payload(next, number);
    fresh.keep = has(header, checkpoint_flag::keep);
    drop_latest(now);
    now.set_value(fresh);
    now.result_number = number;
  }
  clear_trouble(now);
  now.reached = number;
  now.state = item_state::in_progress;
  set_time(now, header);
  if (!has(header, checkpoint_flag::last)) return;
  now.state = item_state::done;
  drop_value(now, 0);
  if (has(header, checkpoint_flag::discard)) drop_latest(now);
}

void fold_skipped(row& now, const checkpoint& next) {
  now.state = item_state::skipped;
  now.sticky = false;
  set_trouble(now, next, 0);
  set_time(now, next.header);
  drop_value(now, 0);
  drop_latest(now);
}

void fold_failed(row& now, const checkpoint& next) {
  now.state = item_state::failed;
  now.sticky = has(next.header, checkpoint_flag::sticky);
  set_trouble(now, next, 0);
  set_time(now, next.header);
}

void fold_reset(row& now, const checkpoint& next) {
  const checkpoint_header& header = next.header;
  set_input(now, next);
  clear_trouble(now);
  now.state = header.step == 0 ? item_state::pending : item_state::in_progress;
  now.reached = header.step;
  now.generation = header.generation;
  now.input_digest = header.detail;
  now.times.resize(std::min<std::size_t>(now.times.size(), header.step));
  std::erase_if(now.values, [&](const row_value& one) { return one.number > header.step; });
  if (now.result_number > header.step) now.result_number = now.values.empty() ? std::uint16_t{0} : now.values.back().number;
  if (!has(header, checkpoint_flag::last)) return;
  now.state = item_state::done;
  drop_value(now, 0);
}

}  // namespace

bool fold(row& now, const checkpoint& next) {
  const checkpoint_header& header = next.header;
  if (header.sequence <= now.sequence) return false;
  if ((now.sequence == 0) != (header.kind == checkpoint_kind::admitted))
    throw_cannot_follow(header, now.sequence == 0 ? "is of an item that was never admitted" : "admits it once more");
  switch (header.kind) {
    case checkpoint_kind::admitted:
      fold_admitted(now, next);
      now.generation = header.generation;
      now.input_digest = header.detail;
      break;
    case checkpoint_kind::completed:
      if (header.step != now.reached) throw_cannot_follow(header, "completes a step that is not the next one");
      fold_completed(now, next);
      break;
    case checkpoint_kind::attempt_failed:
      set_trouble(now, next, header.detail);
      now.state = item_state::in_progress;
      now.sticky = false;
      break;
    case checkpoint_kind::failed:
      fold_failed(now, next);
      break;
    case checkpoint_kind::skipped:
      fold_skipped(now, next);
      break;
    case checkpoint_kind::reset:
      fold_reset(now, next);
      break;
    case checkpoint_kind::started:
      if (header.step != now.reached) throw_cannot_follow(header, "starts a step that is not the next one");
      now.started = true;
      now.state = item_state::in_progress;
      break;
    case checkpoint_kind::interrupted:
      now.delay_ns = header.detail;
      break;
    default:
      throw_cannot_follow(header, "is of a kind that this release does not know");
  }
  if (header.kind != checkpoint_kind::interrupted) now.revision = header.revision;
  now.sequence = header.sequence;
  now.updated_us = header.at_us;
  return true;
}

}  // namespace pawl::core
