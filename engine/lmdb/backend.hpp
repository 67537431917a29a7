// The backend of store/backend.hpp on LMDB.
#pragma once

#include "lmdb/blobs.hpp"
#include "lmdb/folding.hpp"
#include "lmdb/open.hpp"
#include "store/backend.hpp"
#include "store/batch.hpp"

#include <atomic>
#include <memory>
#include <mutex>

namespace pawl::core {

class lmdb_backend final : public backend {
public:
  // `epoch`: of this opening, made durable already. Removes what dead epochs left in blobs/.
  lmdb_backend(std::shared_ptr<environment> env, std::uint64_t epoch, const lmdb_options& options);
  ~lmdb_backend() override;

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override;
  [[nodiscard]] std::size_t large_threshold() const override { return large_threshold_; }
  [[nodiscard]] std::unique_ptr<snapshot> read() override;
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return env_->uuid(); }
  [[nodiscard]] backend_totals totals() const override;

private:
  void check_usable() const;
  void collect_blobs();
  template <class Action>
  auto guarded(Action&& action);

  std::shared_ptr<environment> env_;
  std::shared_ptr<blob_store> blobs_;
  const std::size_t large_threshold_;
  const std::uint64_t epoch_;
  std::mutex writing_;  // LMDB has one writer; a second one in the same thread would wait for itself
  batch batch_;
  folding folding_;
  std::atomic<bool> failed_{false};
  std::atomic<std::uint64_t> commits_{0};
  std::atomic<std::uint64_t> flushes_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

// A state that is only looked at: everything that would change it throws pawl::error(bad_argument).
class lmdb_reader final : public backend {
public:
  explicit lmdb_reader(std::shared_ptr<environment> env, file_system& files);

  workflow_record open_workflow(std::string_view name, const chain_revision& chain,
                                std::span<const schema_record> schemas) override;
  void commit(std::span<const std::span<const std::byte>> groups) override;
  large_object store_large(std::uint64_t schema_hash, std::span<const std::byte> value) override;
  [[nodiscard]] std::size_t large_threshold() const override { return max_payload_size; }
  [[nodiscard]] std::unique_ptr<snapshot> read() override;
  [[nodiscard]] std::array<std::byte, 16> uuid() const override { return env_->uuid(); }
  [[nodiscard]] backend_totals totals() const override { return {}; }

private:
  std::shared_ptr<environment> env_;
  std::shared_ptr<blob_store> blobs_;
};

}  // namespace pawl::core
