#include "store/stored.hpp"

namespace pawl::core {
namespace {

stored_payload shown(const row_value& value) noexcept {
  stored_payload payload;
  payload.present = true;
  payload.schema_hash = value.schema_hash;
  payload.size = value.size;
  payload.in_place = value.bytes;
  payload.part = value.number;
  return payload;
}

}  // namespace

void show_row(const row& from, item_id id, stored_item& into) {
  into.id = id;
  into.state = from.state;
  into.sticky = from.sticky;
  into.input_is_key = from.input_is_key;
  into.started = from.started;
  into.revision = from.revision;
  into.reached = from.reached;
  into.result_step = from.result_number;
  into.attempts = from.attempts;
  into.generation = from.generation;
  into.sequence = from.sequence;
  into.input_digest = from.input_digest;
  into.updated_us = from.updated_us;
  into.delay_ns = from.delay_ns;
  into.key = from.key;
  into.error = from.error;
  into.input = {};
  into.result = {};
  into.kept.clear();
  into.times.clear();
  for (const row_value& value : from.values) {
    if (value.number == 0) into.input = shown(value);
    if (value.number != 0 && value.number == from.result_number) into.result = shown(value);
    if (value.keep) into.kept.emplace_back(value.number, shown(value));
  }
  for (const row_times& one : from.times) into.times.push_back({one.ended_us, one.took_ns, one.attempts});
}

}  // namespace pawl::core
