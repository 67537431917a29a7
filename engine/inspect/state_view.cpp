// state_view: the public door. What it does lies in the files beside this one.
#include <pawl/inspect.hpp>

#include "inspect/describe_recorded.hpp"
#include "inspect/item_pages.hpp"
#include "inspect/item_reader.hpp"
#include "inspect/table_pages.hpp"
#include "inspect/typed_key.hpp"
#include "left_plans.hpp"
#include "state/open.hpp"
#include "store/find_named.hpp"
#include "store/table_access.hpp"
#include "store/workflows.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace pawl {

struct state_view::impl {
  explicit impl(const std::filesystem::path& path) : state(path), store(core::open_state_reader(path, &warnings)) {}

  const std::filesystem::path state;
  std::vector<std::string> warnings;
  const std::unique_ptr<core::backend> store;
  core::parsed_schemas schemas;
};

state_view::state_view(const std::filesystem::path& state) : impl_(std::make_unique<impl>(state)) {}
state_view::~state_view() = default;
state_view::state_view(state_view&& other) noexcept = default;
state_view& state_view::operator=(state_view&& other) noexcept = default;

std::vector<workflow_view> state_view::workflows() const {
  const std::unique_ptr<core::snapshot> view = impl_->store->read();
  std::vector<workflow_view> all;
  for (const core::workflow_record& record : view->workflows()) {
    const core::workflow_counts counts = view->count(record.id);
    workflow_view& one = all.emplace_back();
    one.name = record.name;
    one.by_state = counts.by_state;
    const std::vector<core::step_identity>& steps = record.revisions.back().steps;
    for (std::size_t i = 0; i < steps.size(); ++i)
      one.steps.push_back(
          {steps[i].name, steps[i].kind, steps[i].version, i < counts.completed.size() ? counts.completed[i] : 0});
  }
  return all;
}

std::vector<description> state_view::describe(std::string_view workflow) const {
  const std::unique_ptr<core::snapshot> view = impl_->store->read();
  const std::vector<core::workflow_record> known = view->workflows();
  std::vector<description> all;
  const auto add = [&](const core::workflow_record& one) {
    for (const core::chain_revision& revision : one.revisions)
      all.push_back(core::describe_recorded(one, revision, *view, impl_->schemas));
  };
  if (workflow.empty()) std::for_each(known.begin(), known.end(), add);
  else add(core::workflow_named(known, workflow));
  return all;
}

item_page state_view::items(const item_query& query) const {
  return core::read_page(*impl_->store, query, impl_->schemas);
}

std::optional<item_view> state_view::item(std::string_view workflow, const any_key& key,
                                          std::size_t value_size_max) const {
  const std::unique_ptr<core::snapshot> view = impl_->store->read();
  const std::vector<core::workflow_record> known = view->workflows();
  const core::workflow_record& record = core::workflow_named(known, workflow);
  core::stored_item item;
  if (!core::find_named(*view, record, core::stored_key(key), item, true)) return std::nullopt;
  item_view shown = core::show_item(record, item);
  core::show_values(record, item, value_size_max, *view, impl_->schemas, shown);
  return shown;
}

std::vector<table_info> state_view::tables() const { return core::read_tables(*impl_->store); }

table_page state_view::entries(std::string_view table, const std::optional<any_key>& after, std::size_t limit) const {
  return core::read_table_page(*impl_->store, table, after, limit);
}

table_view state_view::view() const {
  return table_view(std::make_unique<core::viewed_tables>(impl_->store->tables()->read_tables()));
}

durability state_view::durability() const { return core::durability_of(*impl_->store); }

std::vector<std::string> state_view::plans() const { return core::read_left_plans(impl_->state); }

const std::vector<std::string>& state_view::warnings() const noexcept { return impl_->warnings; }

std::uint64_t workflow_view::items() const noexcept {
  return std::accumulate(by_state.begin(), by_state.end(), std::uint64_t{0});
}

std::string_view item_view::at_step() const noexcept {
  if (state == item_state::done || steps_completed >= steps.size()) return {};
  return steps[steps_completed].name;
}

}  // namespace pawl
