// The peer `sqlite-group`: group commit into SQLite, written by hand. A group is
// sorted, so that rows that lie together are touched together.
#include "overhead/group_commit.hpp"
#include "overhead/sqlite_table.hpp"

#include <algorithm>
#include <vector>

namespace bench {
namespace {

class sqlite_rows final : public group_store {
public:
  explicit sqlite_rows(const workload& work) : table_(work) {}

  void write(std::span<const record> group) override {
    sorted_.assign(group.begin(), group.end());
    std::sort(sorted_.begin(), sorted_.end(), [](const record& a, const record& b) { return a.key < b.key; });
    table_.begin();
    for (const record& one : sorted_) table_.put(one);
    table_.commit();
  }
  std::uint64_t hash() override { return table_.hash(); }

private:
  sqlite_table table_;
  std::vector<record> sorted_;
};

}  // namespace

measurement measure_sqlite_group(const workload& work) {
  sqlite_rows rows(work);
  return measure_group_commit(work, rows);
}

}  // namespace bench
