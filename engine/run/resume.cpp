#include "run/resume.hpp"

#include "record/key.hpp"
#include "run/migrate.hpp"

#include <pawl/error.hpp>

#include <string>

namespace pawl::core {
snapshot& resumer::view() {
  if (!view_) view_ = run_.store.read();
  return *view_;
}

void resumer::refresh() {
  if (view_) view_->refresh();
  else view_ = run_.store.read();
}

void resumer::release() {
  if (view_) view_->release();
}

void resumer::load_values(active_item& item, const stored_item& stored, std::uint16_t step) {
  const value_layout& layout = run_.layout;
  const std::uint16_t latest = layout.latest_after(step);
  bool migrated = false;
  for (std::uint16_t value = 0; value < layout.count(); ++value) {
    const bool needed = value <= step && layout.latest_after(value) == value &&
                        (value == latest || layout.read_from(value, step));
    if (!needed) destroy_value(layout, item, value);
    else if (item.values[value] == nullptr) migrated |= decode_value(item, stored, value);
  }
  if (migrated) run_.counts.migrated.fetch_add(1, std::memory_order_relaxed);
}

bool resumer::decode_value(active_item& item, const stored_item& stored, std::uint16_t value) {
  const detail::value_type& type = *run_.layout.type(value);
  void* place = place_of(run_.layout, item, value);
  const stored_payload* payload = payload_of(stored, value);
  const detail::migration* migration = nullptr;
  if (payload == nullptr && value == 0 && stored.input_is_key) {
    const key_parts key = split_key(item.key);
    run_.chain->input_from_key(place, key.number, key.text);
  } else if (payload == nullptr || type.decode == nullptr) {
    throw error(errc::damaged, "resume: value " + std::to_string(value) + " of item '" + printable_key(item.key) +
                                   "' is not stored; run `pawl verify` on the state");
  } else {
    view().fetch(run_.workflow.id, stored, *payload, bytes_);
    migration = run_.layout.migration(value, payload->schema_hash);
    if (migration != nullptr) {
      migrate(*migration, run_.chain->steps[value - 1u].name, bytes_, place);
    } else {
      decoder in(bytes_);
      type.decode(place, in, schemas_.find(payload->schema_hash, type, view()));
    }
    item.bytes += bytes_.size();
    run_.bytes_in_flight.fetch_add(bytes_.size(), std::memory_order_relaxed);
  }
  item.values[value] = place;
  return migration != nullptr;
}

void resumer::reload_latest(active_item& item) {
  run_.store.settle();  // its latest result may be in a log that is not folded in yet
  refresh();
  stored_item stored;
  if (!view().load(run_.workflow.id, item.id, stored))
    throw error(errc::damaged, "resume: item '" + printable_key(item.key) + "' has vanished from the state");
  const std::uint64_t bytes = item.bytes;
  static_cast<void>(decode_value(item, stored, run_.layout.latest_after(item.step)));
  run_.bytes_in_flight.fetch_sub(item.bytes - bytes, std::memory_order_relaxed);  // it counts for it already
  item.bytes = bytes;
  release();
}

}  // namespace pawl::core
