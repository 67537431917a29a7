#include "results.hpp"

#include "record/key.hpp"
#include "run/migrate.hpp"

#include <pawl/error.hpp>

#include <optional>

namespace pawl::core {
namespace {

// Read ahead at most so much in one snapshot.
constexpr std::size_t items_at_once = 256;
constexpr std::size_t bytes_at_once = std::size_t{4} << 20;

std::optional<workflow_record> record_of(snapshot& view, std::string_view workflow) {
  for (workflow_record& one : view.workflows())
    if (one.name == workflow) return std::move(one);
  return std::nullopt;
}

const detail::migration* migration_of(const detail::erased_step& step, std::uint64_t schema_hash) {
  for (const detail::migration& one : step.migrations)
    if (one.from->describe().hash() == schema_hash) return &one;
  return nullptr;
}

// Today's step that returned the item's result in an older version, and migrates it; null where there is none.
const detail::erased_step* migrated_by(const detail::chain& chain, const workflow_record& workflow,
                                       const stored_item& item) {
  const std::size_t number = item.result_step;
  if (number == 0 || number > chain.steps.size()) return nullptr;
  const detail::erased_step& now = chain.steps[number - 1];
  if (migration_of(now, item.result.schema_hash) == nullptr) return nullptr;
  for (const chain_revision& one : workflow.revisions)
    if (one.id == item.revision && number <= one.steps.size() && one.steps[number - 1].name == now.name &&
        one.steps[number - 1].kind == now.kind)
      return &now;
  return nullptr;
}

void decode_value(const detail::value_type& type, void* storage, std::span<const std::byte> bytes,
                  std::uint64_t schema_hash, const detail::erased_step* returned_by, schema_cache& schemas,
                  snapshot& view, std::string_view key) {
  const auto named = [&](const char* what) { return "result: item '" + printable(key) + "': " + what; };
  try {
    if (returned_by != nullptr && returned_by->result == &type) {
      migrate(*migration_of(*returned_by, schema_hash), returned_by->name, bytes, storage);
      return;
    }
    decoder in(bytes);
    type.decode(storage, in, schemas.find(schema_hash, type, view));
  } catch (const error& failure) {
    throw error(failure.code(), named(failure.what()));
  } catch (const migration_failed& failure) {
    throw error(errc::codec_failed, named(failure.what()));
  }
}

}  // namespace

bool read_result(backend& store, const detail::chain& chain, const std::string& typed_key,
                 const detail::value_type& type, void* storage) {
  store.settle();
  const std::unique_ptr<snapshot> view = store.read();
  const std::optional<workflow_record> workflow = record_of(*view, chain.name);
  stored_item item;
  if (!workflow || !view->find(workflow->id, typed_key, item, true)) return false;
  if (item.state != item_state::done || !item.result.present) return false;
  const std::uint64_t schema_hash = item.result.schema_hash;
  const detail::erased_step* returned_by = migrated_by(chain, *workflow, item);
  std::vector<std::byte> bytes;
  view->fetch(workflow->id, item, item.result, bytes);
  schema_cache schemas;
  decode_value(type, storage, bytes, schema_hash, returned_by, schemas, *view, plain_key(typed_key));
  return true;
}

void result_reader::read_some() {
  store_.settle();
  if (!view_) view_ = store_.read();
  else view_->refresh();
  const std::optional<workflow_record> workflow = record_of(*view_, chain_->name);
  ended_ = true;
  if (!workflow) return;
  std::size_t bytes = 0;
  std::size_t seen = 0;
  view_->scan(workflow->id, next_, nullptr, [&](const stored_item& item) {
    next_ = item.id + 1;
    if (item.state == item_state::done && item.result.present) {
      found one{item.id, plain_key(item.key), item.result.schema_hash, migrated_by(*chain_, *workflow, item), {}};
      view_->fetch(workflow->id, item, item.result, one.bytes);
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
  decode_value(type, storage, one.bytes, one.schema_hash, one.returned_by, schemas_, *view_, one.key);
  return true;
}

}  // namespace pawl::core
