// A backend that forgets: it takes checkpoints and finds nothing. For tests of what
// the engine itself does, where a backend's own work would be in the way.
#pragma once

#include "store/backend.hpp"
#include "store/workflows.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

namespace pawl::test {

class null_backend final : public core::backend {
public:
  // `keeps_nothing`: tells the engine so, which then records nothing.
  explicit null_backend(bool keeps_nothing = false) : keeps_nothing_(keeps_nothing) {}

  core::workflow_record open_workflow(std::string_view name, const core::chain_revision& chain,
                                      std::span<const core::schema_record>) override {
    core::workflow_record opened;
    core::open_among({}, name, chain, opened);
    return opened;
  }
  void commit(std::span<const std::span<const std::byte>> groups) override {
    if (totals_.commits++ == 0) std::this_thread::sleep_for(first_commit_takes);
    for (const auto group : groups) totals_.bytes += group.size();
  }
  void remove(core::workflow_id, std::span<const core::item_id>, std::uint64_t) override {}
  core::large_object store_large(std::uint64_t, std::span<const std::byte>) override { return {}; }
  [[nodiscard]] std::size_t large_threshold() const override { return 256 * 1024; }
  [[nodiscard]] bool keeps_nothing() const override { return keeps_nothing_; }
  [[nodiscard]] std::unique_ptr<core::snapshot> read() override { return std::make_unique<nothing>(); }
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return {}; }
  [[nodiscard]] core::backend_totals totals() const override { return totals_; }

private:
  class nothing final : public core::snapshot {
  public:
    void refresh() override {}
    void release() override {}
    bool find(core::workflow_id, std::string_view, core::stored_item&, bool) override { return false; }
    bool load(core::workflow_id, core::item_id, core::stored_item&) override { return false; }
    void scan(core::workflow_id, core::item_id, const item_state*,
              const std::function<bool(const core::stored_item&)>&) override {}
    void fetch(core::workflow_id, const core::stored_item&, const core::stored_payload&,
               std::vector<std::byte>&) override {}
    core::workflow_counts count(core::workflow_id) override { return {}; }
    std::vector<core::workflow_record> workflows() override { return {}; }
    std::string schema(std::uint64_t) override { return {}; }
  };

public:
  std::chrono::milliseconds first_commit_takes{0};  // so that a window fills meanwhile

private:
  const bool keeps_nothing_;
  core::backend_totals totals_;
};

}  // namespace pawl::test
