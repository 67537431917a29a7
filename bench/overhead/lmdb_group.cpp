// The peer `lmdb-group`: group commit into LMDB, written by hand.
//
// One row for each item, rewritten in place by each of its steps; a group is
// sorted, so that rows that lie together are touched together.
#include "overhead/group_commit.hpp"
#include "overhead/lmdb_file.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace bench {
namespace {

// A row is the number of steps completed, u32, and the latest result.
class lmdb_rows final : public group_store {
public:
  explicit lmdb_rows(const workload& work) : file_(work.directory, work.durability) {}

  void write(std::span<const record> group) override {
    sorted_.assign(group.begin(), group.end());
    std::sort(sorted_.begin(), sorted_.end(), [](const record& a, const record& b) { return a.key < b.key; });
    MDB_txn* txn = file_.begin();
    MDB_cursor* cursor = nullptr;
    check_lmdb(mdb_cursor_open(txn, file_.rows, &cursor), "open a cursor");
    for (const record& one : sorted_) put(cursor, one);
    mdb_cursor_close(cursor);
    check_lmdb(mdb_txn_commit(txn), "commit");
  }

  std::uint64_t hash() override {
    std::uint64_t sum = 0;
    file_.for_each([&](std::uint64_t key, const MDB_val& value) {
      const char* bytes = static_cast<const char*>(value.mv_data);
      sum += hash_of(key, {bytes + sizeof(std::uint32_t), value.mv_size - sizeof(std::uint32_t)});
    });
    return sum;
  }

private:
  static void put(MDB_cursor* cursor, const record& one) {
    std::uint64_t name = one.key;
    MDB_val key{sizeof name, &name};
    MDB_val value{sizeof one.step + one.result.size(), nullptr};
    check_lmdb(mdb_cursor_put(cursor, &key, &value, MDB_RESERVE), "put a row");
    char* bytes = static_cast<char*>(value.mv_data);
    std::memcpy(bytes, &one.step, sizeof one.step);
    if (!one.result.empty()) std::memcpy(bytes + sizeof one.step, one.result.data(), one.result.size());
  }

  lmdb_file file_;
  std::vector<record> sorted_;
};

}  // namespace

measurement measure_lmdb_group(const workload& work) {
  lmdb_rows rows(work);
  return measure_group_commit(work, rows);
}

}  // namespace bench
