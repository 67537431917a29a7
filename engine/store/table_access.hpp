// What stands behind pawl::transaction and pawl::table_view: tables by their
// descriptions, over a snapshot and, in a transaction, over what was written since.
#pragma once

#include "store/tables.hpp"

#include <pawl/detail/table.hpp>

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace pawl::core {

// Which table a description means, found out once. Not thread-safe.
class known_tables {
public:
  // Nothing where there is no table of this name. Throws schema_mismatch.
  [[nodiscard]] std::optional<table_id> find(const detail::table_desc& table, table_snapshot& in);
  // Makes it where there is none.
  [[nodiscard]] table_id open(const detail::table_desc& table, table_store& in);

private:
  std::vector<std::pair<const detail::table_desc*, table_id>> known_;  // few
};

// A view. Nothing is made: a table that is not there is empty.
class viewed_tables final : public detail::table_source {
public:
  explicit viewed_tables(std::unique_ptr<table_snapshot> snapshot) : snapshot_(std::move(snapshot)) {}
  bool get(const detail::table_desc& table, std::string_view key, std::span<const std::byte>& value) override;
  bool seek(const detail::table_desc& table, std::string& key, bool behind, std::span<const std::byte>& value) override;

private:
  const std::unique_ptr<table_snapshot> snapshot_;
  known_tables known_;
  std::string whole_;  // reused
};

// A group of transactional calls. Whoever has it has the store's turn.
class open_transaction final : public detail::table_sink {
public:
  // All must outlive it. `before`: what the group in front has written, where its commit is under way; null: nothing is.
  open_transaction(table_store& store, known_tables& known, const table_writes* before = nullptr)
      : store_(store), known_(known), before_(before), snapshot_(store.read_tables()) {}

  bool get(const detail::table_desc& table, std::string_view key, std::span<const std::byte>& value) override;
  bool seek(const detail::table_desc& table, std::string& key, bool behind, std::span<const std::byte>& value) override;
  void put(const detail::table_desc& table, std::string_view key, std::span<const std::byte> value) override;
  bool erase(const detail::table_desc& table, std::string_view key) override;

  // The call under way has succeeded, or has never been.
  void keep() noexcept { writes_.keep(); }
  void undo() { writes_.undo(); }
  // One transaction should not hold more.
  [[nodiscard]] bool full() const noexcept;
  [[nodiscard]] const table_writes& writes() const noexcept { return writes_; }

private:
  void check_room(const detail::table_desc& table, std::size_t more) const;
  [[nodiscard]] const table_writes::change* written(std::string_view whole) const;
  [[nodiscard]] bool seek_written(std::string& whole, bool behind, const table_writes::change*& found) const;

  table_store& store_;
  known_tables& known_;
  const table_writes* const before_;
  const std::unique_ptr<table_snapshot> snapshot_;
  table_writes writes_;
  std::string whole_;  // reused
};

}  // namespace pawl::core
