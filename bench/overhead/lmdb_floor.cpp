// The floor `lmdb-floor`: what LMDB itself costs, with no engine on top.
//
// One thread inserts a record for each step of each item, keys ascending, `batch`
// records to a commit. A record is as long as the row that pawl
// writes for an item that has come so far, which pawl's own write_row tells.
#include "overhead/lmdb_file.hpp"
#include "overhead/stopwatch.hpp"
#include "overhead/work.hpp"

#include "record/row.hpp"

#include <chrono>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {
namespace {

// The length of the row of an item, somewhere in the middle of the run, that has completed `steps` steps.
std::size_t row_size(unsigned steps, const workload& work) {
  using namespace std::chrono;
  const std::uint64_t now_us =
      static_cast<std::uint64_t>(duration_cast<microseconds>(system_clock::now().time_since_epoch()).count());
  const std::string typed_key(1 + sizeof(std::uint64_t), 'k');
  const std::string encoded(sizeof(std::uint32_t) + work.bytes, 'r');  // a string is its length and its bytes
  pawl::core::row row;
  row.state = steps == work.steps ? pawl::item_state::done : pawl::item_state::in_progress;
  row.input_is_key = true;
  row.reached = static_cast<std::uint16_t>(steps);
  row.result_number = row.reached;
  row.sequence = steps + 1;
  row.updated_us = now_us;
  row.key = typed_key;
  pawl::core::row_value latest;
  latest.number = row.reached;
  latest.schema_hash = 1;
  latest.size = encoded.size();
  latest.bytes = std::as_bytes(std::span(encoded));
  row.set_value(latest);
  for (unsigned step = 0; step < steps; ++step) row.times.push_back({now_us - 1000 * (steps - 1 - step), 100, 1});
  std::vector<std::byte> room;
  return pawl::core::write_row(row, work.items / 2, room).size();
}

class writer {
public:
  writer(const lmdb_file& file, std::uint64_t batch) : file_(file), batch_(batch) {}

  // The result lies at the end of the record.
  void put(std::uint64_t name, std::size_t size, const std::string& result) {
    if (left_ == 0) begin();
    MDB_val key{sizeof name, &name};
    MDB_val value{size, nullptr};
    check_lmdb(mdb_put(txn_, file_.rows, &key, &value, MDB_RESERVE), "put a record");
    char* bytes = static_cast<char*>(value.mv_data);
    std::memset(bytes, 0, size - result.size());
    if (!result.empty()) std::memcpy(bytes + size - result.size(), result.data(), result.size());
    if (--left_ == 0) commit();
  }
  void commit() {
    if (txn_ == nullptr) return;
    check_lmdb(mdb_txn_commit(txn_), "commit");
    txn_ = nullptr;
    left_ = 0;
    ++commits_;
  }
  [[nodiscard]] std::uint64_t commits() const noexcept { return commits_; }

private:
  void begin() {
    txn_ = file_.begin();
    left_ = batch_;
  }

  const lmdb_file& file_;
  const std::uint64_t batch_;
  MDB_txn* txn_ = nullptr;
  std::uint64_t left_ = 0;
  std::uint64_t commits_ = 0;
};

}  // namespace

measurement measure_lmdb_floor(const workload& work) {
  if (work.keys != key_order::ascending) throw std::invalid_argument("lmdb-floor inserts in ascending order only");
  const lmdb_file file(work.directory, work.durability);
  std::vector<std::size_t> sizes;
  for (unsigned step = 1; step <= work.steps; ++step) sizes.push_back(row_size(step, work));

  writer rows(file, work.batch != 0 ? work.batch : work.in_flight);
  measurement found;
  const stopwatch watch(work.seconds_max);
  for (; found.items < work.items && watch.in_time(); ++found.items) {
    std::string result = first_step(found.items, work.bytes);
    for (unsigned step = 0; step < work.steps; ++step) {
      if (step != 0) result = next_step(result);
      rows.put(found.items * work.steps + step, sizes[step], result);
    }
  }
  rows.commit();
  found.seconds = watch.seconds();
  found.bytes_written = watch.bytes_written();
  found.flushes = rows.commits();
  file.for_each([&](std::uint64_t name, const MDB_val& value) {
    if (name % work.steps != work.steps - 1) return;
    const char* end = static_cast<const char*>(value.mv_data) + value.mv_size;
    found.hash += hash_of(name / work.steps, {end - work.bytes, work.bytes});
  });
  return found;
}

}  // namespace bench
