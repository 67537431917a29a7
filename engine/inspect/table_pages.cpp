#include "inspect/table_pages.hpp"

#include "inspect/item_pages.hpp"
#include "inspect/typed_key.hpp"
#include "record/key.hpp"

#include <pawl/error.hpp>
#include <pawl/schema.hpp>

#include <algorithm>
#include <string>

namespace pawl::core {
namespace {

std::string whole_key(table_id id, std::string_view typed_key) {
  std::string key{static_cast<char>(id >> 8), static_cast<char>(id & 0xff)};
  return key.append(typed_key);
}

}  // namespace

std::vector<table_info> read_tables(backend& store) {
  const std::unique_ptr<table_snapshot> view = store.tables()->read_tables();
  std::vector<table_info> all;
  for (const table_record& one : view->tables())
    all.push_back({one.name, view->schema(one.key_schema), view->schema(one.value_schema), one.entries});
  return all;
}

table_page read_table_page(backend& store, std::string_view table, const std::optional<any_key>& after,
                           std::size_t limit) {
  const std::unique_ptr<table_snapshot> view = store.tables()->read_tables();
  const std::vector<table_record> all = view->tables();
  const auto found = std::find_if(all.begin(), all.end(), [&](const table_record& one) { return one.name == table; });
  if (found == all.end())
    throw error(errc::not_found, "inspect: there is no table '" + printable(table) +
                                     "' in this state; `pawl table STATE` lists those that are there");
  const schema values = schema::parse(view->schema(found->value_schema));
  const std::string prefix = whole_key(found->id, {});
  std::string key = after ? whole_key(found->id, stored_key(*after)) : prefix;
  bool behind = after.has_value();
  table_page page;
  std::span<const std::byte> value;
  std::size_t bytes = 0;
  for (; view->seek(key, behind, value) && key.starts_with(prefix); behind = true) {
    if (page.rows.size() == limit || bytes >= page_bytes_max) {
      page.next = page.rows.back().key;
      break;
    }
    page.rows.push_back({key_of(std::string_view(key).substr(table_id_size)), values.to_json(value)});
    bytes += page.rows.back().json.size();
  }
  return page;
}

}  // namespace pawl::core
