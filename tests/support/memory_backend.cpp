#include "support/memory_backend.hpp"

#include "record/fold.hpp"
#include "store/crc32c.hpp"
#include "store/stored.hpp"
#include "store/workflows.hpp"

#include <pawl/error.hpp>

#include <algorithm>
#include <cstring>

namespace pawl::test {

using namespace core;

class memory_snapshot final : public snapshot {
public:
  explicit memory_snapshot(memory_backend& store) : store_(store) {
    const std::scoped_lock lock(store_.mutex_);
    take();
  }
  ~memory_snapshot() override {
    const std::scoped_lock lock(store_.mutex_);
    let_go();
  }

  void refresh() override {
    const std::scoped_lock lock(store_.mutex_);
    let_go();
    take();
  }

  void release() override {
    const std::scoped_lock lock(store_.mutex_);
    let_go();
  }

  bool find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) override {
    const std::scoped_lock lock(store_.mutex_);
    const auto at = store_.index_.find({workflow, std::string(key)});
    return at != store_.index_.end() && show(address_of(workflow, at->second), into, whole);
  }

  bool load(workflow_id workflow, item_id item, stored_item& into) override {
    const std::scoped_lock lock(store_.mutex_);
    return show(address_of(workflow, item), into, true);
  }

  void scan(workflow_id workflow, item_id from, const item_state* state,
            const std::function<bool(const stored_item&)>& each) override {
    stored_item item;
    for (item_address address = address_of(workflow, from);;) {
      {
        const std::scoped_lock lock(store_.mutex_);
        const auto at = store_.rows_.lower_bound(address);
        if (at == store_.rows_.end() || workflow_of_address(at->first) != workflow) return;
        address = at->first + 1;
        if (!show(at->first, item, true)) continue;
      }
      if (state != nullptr && item.state != *state) continue;
      if (!each(item)) return;
    }
  }

  void fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
             std::vector<std::byte>& into) override {
    const std::scoped_lock lock(store_.mutex_);
    const auto bytes = find_row(address_of(workflow, item.id));
    row stored;
    if (bytes) read_row(*bytes, address_of(workflow, item.id), row_part::whole, stored);
    const row_value* value = stored.value(payload.part);
    if (value == nullptr) throw error(errc::not_found, "memory: there is no such value; load the item again");
    if (value->place == value_place::file)
      into = *store_.large_.at(value->file_number);
    else
      into.assign(value->bytes.begin(), value->bytes.end());
  }

  workflow_counts count(workflow_id workflow) override {
    const workflow_record record = record_of(workflow);
    workflow_counts counts;
    counts.completed.resize(record.revisions.back().steps.size());
    std::map<revision_id, std::vector<std::uint64_t>> reached;
    scan(workflow, 0, nullptr, [&](const stored_item& item) {
      ++counts.by_state[static_cast<std::size_t>(item.state)];
      auto& histogram = reached[item.revision];
      histogram.resize(std::max<std::size_t>(histogram.size(), item.reached + std::size_t{1}));
      ++histogram[item.reached];
      return true;
    });
    for (const chain_revision& revision : record.revisions)
      add_completed(record, revision, reached[revision.id], counts);
    return counts;
  }

  std::vector<workflow_record> workflows() override {
    const std::scoped_lock lock(store_.mutex_);
    std::vector<workflow_record> all = store_.workflows_;
    for (workflow_record& one : all) {
      one.current = one.revisions.back().id;
      one.next_item = next_item(one.id);
    }
    return all;
  }

  std::string schema(std::uint64_t hash) override {
    const std::scoped_lock lock(store_.mutex_);
    const auto at = store_.schemas_.find(hash);
    return at == store_.schemas_.end() ? std::string() : at->second;
  }

private:
  void take() {
    commit_ = store_.commit_;
    store_.snapshots_.insert(commit_);
    holds_ = true;
  }
  void let_go() {
    if (holds_) store_.snapshots_.erase(store_.snapshots_.find(commit_));
    holds_ = false;
  }

  memory_backend::bytes find_row(item_address address) {
    const auto at = store_.rows_.find(address);
    return at == store_.rows_.end() ? nullptr : store_.row_seen_at(at->second, commit_);
  }

  bool show(item_address address, stored_item& into, bool whole) {
    held_ = find_row(address);
    if (!held_) return false;
    read_row(*held_, address, whole ? row_part::whole : row_part::head, row_);
    show_row(row_, item_of_address(address), into);
    return true;
  }

  item_id next_item(workflow_id workflow) const {
    const auto at = store_.next_items_.find(workflow);
    return at == store_.next_items_.end() ? 0 : at->second;
  }

  workflow_record record_of(workflow_id workflow) {
    const auto all = workflows();
    const auto at = std::find_if(all.begin(), all.end(), [&](const auto& one) { return one.id == workflow; });
    if (at == all.end()) throw error(errc::not_found, "memory: there is no such workflow; open it first");
    return *at;
  }

  memory_backend& store_;
  std::uint64_t commit_ = 0;
  bool holds_ = false;
  memory_backend::bytes held_;  // what the last views point into
  row row_;
};

memory_backend::memory_backend(memory_hooks hooks, std::size_t large_threshold)
    : memory_backend(std::move(hooks), large_threshold, large_threshold) {}

memory_backend::memory_backend(memory_hooks hooks, std::size_t large_threshold, std::size_t staying_threshold)
    : hooks_(std::move(hooks)), large_threshold_(large_threshold), staying_threshold_(staying_threshold) {}
memory_backend::~memory_backend() = default;

workflow_record memory_backend::open_workflow(std::string_view name, const chain_revision& chain,
                                              std::span<const schema_record> schemas) {
  const auto known = read()->workflows();
  const std::scoped_lock lock(mutex_);
  for (const schema_record& schema : schemas) schemas_.emplace(schema.hash, schema.canonical);
  workflow_record opened;
  open_among(known, name, chain, opened);
  const auto at =
      std::find_if(workflows_.begin(), workflows_.end(), [&](const auto& one) { return one.id == opened.id; });
  if (at != workflows_.end())
    *at = opened;
  else
    workflows_.push_back(opened);
  return opened;
}

memory_backend::bytes memory_backend::row_seen_at(const std::vector<version>& versions, std::uint64_t commit) const {
  bytes seen;
  for (const version& one : versions)
    if (one.commit <= commit) seen = one.row;
  return seen;
}

void memory_backend::store_row(item_address address, std::span<const std::byte> row) {
  auto& versions = rows_[address];
  const std::uint64_t oldest = snapshots_.empty() ? commit_ : *snapshots_.begin();
  while (versions.size() > 1 && versions[1].commit <= oldest) versions.erase(versions.begin());
  if (!versions.empty() && snapshots_.empty()) versions.clear();
  versions.push_back({commit_ + 1, std::make_shared<std::vector<std::byte>>(row.begin(), row.end())});
}

void memory_backend::fold_run(const batch& checkpoints, const batch::run& run) {
  const auto known = std::any_of(workflows_.begin(), workflows_.end(),
                                 [&](const auto& one) { return one.id == workflow_of_address(run.address); });
  if (!known) throw error(errc::bad_argument, "memory: a checkpoint is of a workflow that was never opened");
  const auto at = rows_.find(run.address);
  const bytes before = at == rows_.end() ? nullptr : at->second.back().row;
  row now;
  if (before) read_row(*before, run.address, row_part::whole, now);
  bool changed = false;
  for (std::size_t place = run.first; place < run.last; ++place) changed |= fold(now, checkpoints.at(place));
  if (!changed) return;
  const std::pair key{workflow_of_address(run.address), std::string(now.key)};
  if (!before && !index_.emplace(key, item_of_address(run.address)).second)
    throw error(errc::damaged, "memory: a key was admitted twice");
  item_id& next = next_items_[workflow_of_address(run.address)];
  next = std::max(next, item_of_address(run.address) + 1);
  std::vector<std::byte> room;
  store_row(run.address, write_row(now, run.address, room));
}

void memory_backend::remove(workflow_id workflow, std::span<const item_id> items, std::uint64_t oldest_done_us) {
  const std::scoped_lock lock(mutex_);
  for (const item_id item : items) {
    const auto at = rows_.find(address_of(workflow, item));
    if (at == rows_.end() || !at->second.back().row) continue;
    row now;
    read_row(*at->second.back().row, at->first, row_part::whole, now);
    index_.erase({workflow, std::string(now.key)});
    if (snapshots_.empty()) rows_.erase(at);
    else at->second.push_back({commit_ + 1, nullptr});
  }
  ++commit_;
  for (workflow_record& one : workflows_)
    if (one.id == workflow) one.oldest_done_us = oldest_done_us;
}

void memory_backend::commit(std::span<const std::span<const std::byte>> groups) {
  if (failed_) throw error(errc::stopped, "memory: the backend has failed before");
  try {
    std::uint64_t number = 0;
    {
      const std::scoped_lock lock(mutex_);
      number = commit_ + 1;
    }
    if (hooks_.before_commit) hooks_.before_commit(number);
    batch_.gather(groups);
    const std::scoped_lock lock(mutex_);
    for (std::size_t place = 0; place < batch_.size();) {
      const batch::run run = batch_.run_at(place);
      fold_run(batch_, run);
      place = run.last;
    }
    bytes_ += batch_.bytes();
    ++commit_;
  } catch (const error& failure) {
    failed_ = failure.code() != errc::disk_full;
    throw;
  } catch (...) {
    failed_ = true;
    throw;
  }
  if (hooks_.committed)
    for (const auto group : groups)
      for (std::size_t at = 0; at < group.size();) {
        const checkpoint one = checkpoint_at(group.data() + at);
        hooks_.committed(one);
        at += one.header.size;
      }
  if (hooks_.after_commit) hooks_.after_commit(commits());
}

large_object memory_backend::store_large(std::uint64_t schema_hash, std::span<const std::byte> value) {
  const std::scoped_lock lock(mutex_);
  large_object named{schema_hash, 1, large_next_++, value.size(), crc32c(value), 0};
  large_[named.number] = std::make_shared<std::vector<std::byte>>(value.begin(), value.end());
  return named;
}

std::unique_ptr<snapshot> memory_backend::read() { return std::make_unique<memory_snapshot>(*this); }

std::array<std::byte, 16> memory_backend::uuid() const {
  std::array<std::byte, 16> fixed{};
  for (std::size_t i = 0; i < fixed.size(); ++i) fixed[i] = static_cast<std::byte>(i + 1);
  return fixed;
}

backend_totals memory_backend::totals() const {
  const std::scoped_lock lock(mutex_);
  return {commit_, 0, bytes_};
}

std::uint64_t memory_backend::commits() const { return totals().commits; }

std::size_t memory_backend::items() const {
  const std::scoped_lock lock(mutex_);
  return static_cast<std::size_t>(
      std::count_if(rows_.begin(), rows_.end(), [](const auto& one) { return one.second.back().row != nullptr; }));
}

}  // namespace pawl::test
