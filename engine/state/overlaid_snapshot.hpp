// LMDB's view with the unapplied part of the journal laid over it: a snapshot of
// store/backend.hpp for whoever looks from outside.
#pragma once

#include "state/unapplied.hpp"

#include <memory>
#include <vector>

namespace pawl::core {

class overlaid_snapshot final : public snapshot {
public:
  overlaid_snapshot(std::unique_ptr<lmdb_snapshot> base, unapplied over);

  void refresh() override;
  void release() override { base_->release(); }
  bool find(workflow_id workflow, std::string_view key, stored_item& into, bool whole) override;
  bool load(workflow_id workflow, item_id item, stored_item& into) override;
  void scan(workflow_id workflow, item_id from, const item_state* state,
            const std::function<bool(const stored_item&)>& each) override;
  void fetch(workflow_id workflow, const stored_item& item, const stored_payload& payload,
             std::vector<std::byte>& into) override;
  workflow_counts count(workflow_id workflow) override;
  std::vector<workflow_record> workflows() override;
  std::string schema(std::uint64_t hash) override { return base_->schema(hash); }

private:
  void show(item_address address, std::span<const std::byte> bytes, stored_item& into);

  std::unique_ptr<lmdb_snapshot> base_;
  unapplied over_;
  row row_;
};

}  // namespace pawl::core
