// The peer `rocksdb`: a Put for each step and thread, log synced.
//
// RocksDB groups the writes of threads that wait by itself. Its defaults, but for
// what `open` says: other settings of how writers wait made no clear difference.
#include "overhead/blocking_threads.hpp"

#include <rocksdb/db.h>
#include <rocksdb/options.h>
#include <rocksdb/statistics.h>

#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

void check(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("rocksdb: " + status.ToString());
}

// Big-endian, so that keys sort as numbers do.
std::array<char, 8> name_of(std::uint64_t key) noexcept {
  std::array<char, 8> name{};
  for (unsigned i = 0; i < 8; ++i) name[i] = static_cast<char>(key >> (8 * (7 - i)));
  return name;
}
std::uint64_t key_of_name(const rocksdb::Slice& name) noexcept {
  std::uint64_t key = 0;
  for (std::size_t i = 0; i < name.size(); ++i) key = key << 8 | static_cast<unsigned char>(name[i]);
  return key;
}

std::unique_ptr<rocksdb::DB> open(const workload& work, const std::shared_ptr<rocksdb::Statistics>& statistics) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.statistics = statistics;
  // The leader of a group writes all of it into the table: waking the others to do their part costs more, by a third
  // on two cores.
  options.allow_concurrent_memtable_write = false;
  // Results of the bench compress to nothing, those of real work do not: neither time nor bytes should tell of it.
  options.compression = rocksdb::kNoCompression;
  rocksdb::DB* opened = nullptr;
  check(rocksdb::DB::Open(options, work.directory.string(), &opened));
  return std::unique_ptr<rocksdb::DB>(opened);
}

// A row is the number of steps completed, u32, and the latest result.
class member final : public step_writer {
public:
  member(rocksdb::DB& db, durability kind) : db_(db) { options_.sync = kind == durability::power; }
  void write(const record& what) override {
    const std::array<char, 8> name = name_of(what.key);
    row_.assign(reinterpret_cast<const char*>(&what.step), sizeof what.step);
    row_.append(what.result);
    check(db_.Put(options_, {name.data(), name.size()}, row_));
  }

private:
  rocksdb::DB& db_;
  rocksdb::WriteOptions options_;
  std::string row_;
};

std::uint64_t hash_of_all(rocksdb::DB& db) {
  std::uint64_t sum = 0;
  const std::unique_ptr<rocksdb::Iterator> each(db.NewIterator({}));
  for (each->SeekToFirst(); each->Valid(); each->Next()) {
    const rocksdb::Slice row = each->value();
    sum += hash_of(key_of_name(each->key()), {row.data() + sizeof(std::uint32_t), row.size() - sizeof(std::uint32_t)});
  }
  check(each->status());
  return sum;
}

}  // namespace

measurement measure_rocksdb(const workload& work) {
  const auto statistics = rocksdb::CreateDBStatistics();
  statistics->set_stats_level(rocksdb::StatsLevel::kExceptHistogramOrTimers);
  const std::unique_ptr<rocksdb::DB> db = open(work, statistics);
  measurement found = run_blocking_threads(work, [&] { return std::make_unique<member>(*db, work.durability); });
  found.flushes = statistics->getTickerCount(rocksdb::WAL_FILE_SYNCED);
  found.hash = hash_of_all(*db);
  return found;
}

}  // namespace bench
