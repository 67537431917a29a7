// The seam to tables: typed entries that change in one transaction with the
// checkpoints of the calls that changed them. A backend may have none.
//
// A whole key is the table's number, big-endian in two bytes, and a typed key: so
// the entries of a table lie together, in the order of their keys.
#pragma once

#include "store/table_writes.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace pawl::core {

using table_id = std::uint16_t;  // per state, from 0
inline constexpr std::size_t table_id_size = sizeof(table_id);
inline constexpr std::size_t table_key_size_max = 511;  // whole; of text that leaves 508 bytes
inline constexpr std::size_t table_value_size_max = std::size_t{1} << 20;

struct table_schema {
  std::string_view name;
  std::uint64_t key_schema = 0;  // hashes (pawl/schema.hpp)
  std::uint64_t value_schema = 0;
  std::string_view key_text;     // the schemas themselves
  std::string_view value_text;
};

struct table_record {
  table_id id = 0;
  std::string name;
  std::uint64_t key_schema = 0;
  std::uint64_t value_schema = 0;
  std::uint64_t entries = 0;
};

// Throws pawl::error(schema_mismatch) where the recorded table has other types.
void check_table(const table_record& recorded, const table_schema& asked);

// All tables at one moment. One thread at a time. Values live until the next call; they were checked against their
// checksum.
class table_snapshot {
public:
  virtual ~table_snapshot() = default;
  virtual std::vector<table_record> tables() = 0;
  virtual bool get(std::string_view key, std::span<const std::byte>& value) = 0;
  // The entry, of any table, with the least whole key that is not below `key` (`behind`: that is above it), which
  // replaces `key`; false where there is none.
  virtual bool seek(std::string& key, bool behind, std::span<const std::byte>& value) = 0;
  // The canonical bytes of a stored schema; empty where there is none of that hash.
  virtual std::string schema(std::uint64_t hash) = 0;
};

class table_store {
public:
  virtual ~table_store() = default;

  // Whoever writes has this turn from before its snapshot until after its commit, so what it has read is what it
  // changes; among processes that share the storage, too. Waits for it, for another process only until `enough` says so:
  // then there is none. Throws pawl::error(bad_argument) where the calling thread has one already, io where others cannot be
  // kept out.
  class turn {
  public:
    turn(table_store& of, const std::function<bool()>& enough);
    ~turn();
    turn(const turn&) = delete;
    turn& operator=(const turn&) = delete;
    [[nodiscard]] explicit operator bool() const noexcept { return has_it_; }

  private:
    table_store& of_;
    std::unique_lock<std::mutex> lock_;
    bool has_it_ = false;
  };
  // Has the calling thread a turn, of any store?
  [[nodiscard]] static bool has_turn() noexcept;

  [[nodiscard]] virtual std::unique_ptr<table_snapshot> read_tables() = 0;
  // Finds the table or makes it; durable when it returns. Throws schema_mismatch as check_table does, too_large where
  // a state has no room for another one.
  virtual table_id open_table(const table_schema& table) = 0;
  // The writes, and the checkpoints in `groups`, in one transaction: all of it is durable when it returns, or nothing
  // happened. Each checkpoint must directly follow what is recorded of its item up to `behind` (backend::recorded()),
  // which is taken in first, in the same transaction where that can be. Throws as backend::commit does.
  virtual void commit_tables(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                             std::uint64_t behind) = 0;
  // The same, but it may return while that is under way: end_commit() must follow before the next one and the turn's end,
  // and until then `writes` and what `groups` point at stay as they are.
  virtual void begin_commit(const table_writes& writes, std::span<const std::span<const std::byte>> groups,
                            std::uint64_t behind) {
    commit_tables(writes, groups, behind);
  }
  // It is durable when it returns. Throws as commit_tables() does.
  virtual void end_commit() {}

protected:
  // Keeps other processes from having a turn. By whoever has it in this one.
  [[nodiscard]] virtual bool keep_others_out(const std::function<bool()>&) { return true; }
  virtual void let_others_in() noexcept {}

private:
  std::mutex writing_;
};

}  // namespace pawl::core
