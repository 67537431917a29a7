#include "results.hpp"

#include "record/key.hpp"

#include <pawl/error.hpp>

#include <algorithm>

namespace pawl::core {
namespace {

// Read ahead at most so much in one snapshot.
constexpr std::size_t items_at_once = 256;
constexpr std::size_t bytes_at_once = std::size_t{4} << 20;

std::optional<workflow_id> id_of(snapshot& view, std::string_view workflow) {
  for (const workflow_record& one : view.workflows())
    if (one.name == workflow) return one.id;
  return std::nullopt;
}

void decode_value(const detail::value_type& type, void* storage, std::span<const std::byte> bytes,
                  std::uint64_t schema_hash, schema_cache& schemas, snapshot& view, std::string_view key) {
  decoder in(bytes);
  try {
    type.decode(storage, in, schemas.find(schema_hash, type, view));
  } catch (const error& failure) {
    throw error(failure.code(), "result: item '" + printable(key) + "': " + failure.what());
  }
}

std::string plain_key(std::string_view typed_key) {
  const key_parts parts = split_key(typed_key);
  return parts.is_text ? std::string(parts.text) : printable_key(typed_key);
}

}  // namespace

bool read_result(backend& store, std::string_view workflow, const std::string& typed_key,
                 const detail::value_type& type, void* storage) {
  store.settle();
  const std::unique_ptr<snapshot> view = store.read();
  const std::optional<workflow_id> id = id_of(*view, workflow);
  stored_item item;
  if (!id || !view->find(*id, typed_key, item, true)) return false;
  if (item.state != item_state::done || !item.result.present) return false;
  std::vector<std::byte> bytes;
  view->fetch(*id, item, item.result, bytes);
  schema_cache schemas;
  decode_value(type, storage, bytes, item.result.schema_hash, schemas, *view, plain_key(typed_key));
  return true;
}

void result_reader::read_some() {
  store_.settle();
  if (!view_) view_ = store_.read();
  else view_->refresh();
  if (!id_) id_ = id_of(*view_, workflow_);
  ended_ = true;
  if (!id_) return;
  std::size_t bytes = 0;
  std::size_t seen = 0;
  view_->scan(*id_, next_, nullptr, [&](const stored_item& item) {
    next_ = item.id + 1;
    if (item.state == item_state::done && item.result.present) {
      found one{item.id, plain_key(item.key), item.result.schema_hash, {}};
      view_->fetch(*id_, item, item.result, one.bytes);
      bytes += one.bytes.size();
      read_.push_back(std::move(one));
    }
    ended_ = ++seen < 64 * items_at_once && read_.size() < items_at_once && bytes < bytes_at_once;
    return ended_;
  });
  view_->release();
}

bool result_reader::next(std::string& key, const detail::value_type& type, void* storage) {
  while (read_.empty() && !ended_) read_some();
  if (read_.empty()) return false;
  const found one = std::move(read_.front());
  read_.pop_front();
  key = one.key;
  if (one.schema_hash != type.describe().hash()) view_->refresh();
  decode_value(type, storage, one.bytes, one.schema_hash, schemas_, *view_, one.key);
  return true;
}

}  // namespace pawl::core
