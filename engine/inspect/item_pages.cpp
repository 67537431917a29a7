#include "inspect/item_pages.hpp"

#include "inspect/typed_key.hpp"
#include "record/key.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <string>
#include <utility>

namespace pawl::core {
namespace {

constexpr std::size_t rows_in_a_snapshot_max = 8192;

// Where a page goes on: "WORKFLOW.ITEM", the first item that it may hold.
struct cursor {
  workflow_id workflow = 0;
  item_id item = 0;
};

std::string to_text(const cursor& at) { return std::to_string(at.workflow) + "." + std::to_string(at.item); }

cursor parse_cursor(const std::string& text) {
  cursor at;
  const char* const end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, at.workflow);
  if (first.ec == std::errc{} && first.ptr != end && *first.ptr == '.') {
    const auto second = std::from_chars(first.ptr + 1, end, at.item);
    if (second.ec == std::errc{} && second.ptr == end) return at;
  }
  throw error(errc::bad_argument, "inspect: '" + printable(text.substr(0, 80)) +
                                      "' is no place to go on from; use what the page before gave, such as 1.100");
}

std::size_t bytes_of(const value_view& value) { return value.json.size() + value.schema.size() + value.problem.size(); }

std::size_t bytes_of(const item_view& item) {
  std::size_t bytes =
      sizeof item + item.key.text().size() + item.error.size() + item.steps.size() * sizeof item.steps[0];
  if (item.input) bytes += bytes_of(*item.input);
  if (item.result) bytes += bytes_of(*item.result);
  for (const value_view& one : item.kept) bytes += bytes_of(one);
  return bytes;
}

bool has_prefix(std::string_view typed_key, std::string_view prefix) {
  if (prefix.empty()) return true;
  if (typed_key.starts_with(key_tag_text)) return typed_key.substr(1).starts_with(prefix);
  return plain_key(typed_key).starts_with(prefix);
}

class page_reader {
public:
  page_reader(backend& store, const item_query& query, parsed_schemas& schemas)
      : query_(query), schemas_(schemas), view_(store.read()) {}

  item_page read() {
    cursor at = query_.after.empty() ? cursor{} : parse_cursor(query_.after);
    for (;;) {
      const std::vector<workflow_record> known = view_->workflows();
      const workflow_record* const workflow = next_workflow(known, at);
      if (workflow == nullptr) break;
      const stop why = read_some(*workflow, at);
      if (why == stop::at_end) {
        if (workflow->id == std::numeric_limits<workflow_id>::max()) break;
        at = {static_cast<workflow_id>(workflow->id + 1), 0};
      } else if (full_) {
        page_.next = to_text(at);
        break;
      } else {
        view_->refresh();
      }
    }
    return std::move(page_);
  }

private:
  enum class stop : std::uint8_t {
    at_end,         // of the workflow
    at_next_match,  // the page is full, and this one is for the next
    for_a_breath,   // this snapshot has been held long enough
  };

  // The workflow that `at` lies in or else the next one that is asked for; null behind the last.
  const workflow_record* next_workflow(const std::vector<workflow_record>& known, cursor& at) const {
    for (const workflow_record& one : known) {
      if (one.id < at.workflow || (!query_.workflow.empty() && one.name != query_.workflow)) continue;
      if (one.id > at.workflow) at = {one.id, 0};
      return &one;
    }
    if (!query_.workflow.empty()) static_cast<void>(workflow_named(known, query_.workflow));
    return nullptr;
  }

  // Reads on in this snapshot; `at` moves along. Once the page is full it looks on for one more item, so
  // that the last page is known to be it.
  stop read_some(const workflow_record& workflow, cursor& at) {
    std::size_t rows = 0;
    stop why = stop::at_end;
    try {
      view_->scan(workflow.id, at.item, query_.state ? &*query_.state : nullptr, [&](const stored_item& item) {
        if (!take(workflow, item))
          why = stop::at_next_match;
        else if (++rows >= rows_in_a_snapshot_max)
          why = stop::for_a_breath;
        if (why != stop::at_next_match) at.item = item.id + 1;
        return why == stop::at_end;
      });
      return why;
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      if (full_) return stop::at_next_match;
      if (!step_over_damage(workflow, at)) throw;
      return stop::for_a_breath;
    }
  }

  // False where the item belongs to the page, and the page is full.
  bool take(const workflow_record& workflow, const stored_item& item) {
    const item_id id = item.id;
    try {
      if (!matches(item)) return true;
      if (full_) return false;
      item_view shown = show_item(workflow, item);
      if (query_.values) show_values(workflow, item, query_.value_size_max, *view_, schemas_, shown);
      bytes_ += bytes_of(shown);
      page_.items.push_back(std::move(shown));
    } catch (const error& failure) {
      if (failure.code() != errc::damaged) throw;
      if (full_) return false;
      page_.damaged.push_back({workflow.name, id, failure.what()});
    }
    note_size();
    return true;
  }

  bool matches(const stored_item& item) const {
    return (!query_.state || item.state == *query_.state) && has_prefix(item.key, query_.key_prefix);
  }

  void note_size() { full_ = page_.items.size() + page_.damaged.size() >= query_.limit || bytes_ >= page_bytes_max; }

  // A scan ends at a damaged row without telling which it is: the first from here on that cannot be
  // loaded. `at` moves behind it. False where there is none, so that something else is damaged.
  bool step_over_damage(const workflow_record& workflow, cursor& at) {
    stored_item item;
    for (item_id id = at.item; id < workflow.next_item; ++id) {
      try {
        static_cast<void>(view_->load(workflow.id, id, item));
      } catch (const error& failure) {
        if (failure.code() != errc::damaged) throw;
        page_.damaged.push_back({workflow.name, id, failure.what()});
        at.item = id + 1;
        note_size();
        return true;
      }
    }
    return false;
  }

  const item_query& query_;
  parsed_schemas& schemas_;
  std::unique_ptr<snapshot> view_;
  item_page page_;
  std::size_t bytes_ = 0;
  bool full_ = false;
};

}  // namespace

item_page read_page(backend& store, const item_query& query, parsed_schemas& schemas) {
  if (query.limit == 0)
    throw error(errc::bad_argument, "inspect: a page of no items was asked for; ask for at least 1");
  return page_reader(store, query, schemas).read();
}

}  // namespace pawl::core
