// The work that every store is measured with, and what a measurement says.
//
// A step does next to nothing: it makes a value of a given size out of the one
// before. All stores do the same steps, so what differs is what it costs to
// have each step recorded before the item's next one starts. Knows no store.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace bench {

enum class key_order { ascending, random };

// What a step survives once the item's next one has started.
enum class durability {
  power,    // the loss of power
  process,  // the death of the process
};

struct workload {
  std::uint64_t items = 300'000;
  unsigned steps = 3;
  std::size_t bytes = 100;       // of each step's result
  std::size_t in_flight = 8192;  // for a peer: threads, each waiting for the step of its item
  std::size_t workers = 1;       // of pawl
  key_order keys = key_order::ascending;
  bench::durability durability = bench::durability::power;
  double seconds_max = 0;           // 0: until all items are done. Else no item is started after that
  std::uint64_t batch = 0;          // of the floors: records in a group; 0: as many as are in flight
  std::filesystem::path directory;  // fresh and empty, on the disk that is measured
};

struct measurement {
  std::uint64_t items = 0;    // done; each with all its steps recorded
  double seconds = 0;         // from the first item until everything is as durable as was asked for
  std::uint64_t flushes = 0;  // groups made durable; 0 where the store does not tell
  std::uint64_t hash = 0;     // of what is found in the store afterwards: hash_of, summed over the items
  // From the first item until nothing remains to be moved from a log to where it is looked up; only pawl has
  // such an end.
  std::optional<double> drained_seconds{};
  std::uint64_t bytes_written = 0;               // sent towards the disk while the clock ran, as the kernel counts it
  std::uint64_t anonymous_memory_elsewhere = 0;  // of other processes that did a part of the work, bytes
};

// One to one, so that keys in random order are as many as those in ascending order.
inline std::uint64_t scattered(std::uint64_t number) noexcept {
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9u;
  number = (number ^ (number >> 27)) * 0x94d049bb133111ebu;
  return number ^ (number >> 31);
}

inline std::uint64_t key_of(std::uint64_t number, key_order keys) noexcept {
  return keys == key_order::ascending ? number : scattered(number);
}

// The result of an item's first step.
inline std::string first_step(std::uint64_t key, std::size_t bytes) {
  std::string result(bytes, 'r');
  if (bytes != 0) std::memcpy(result.data(), &key, bytes < sizeof key ? bytes : sizeof key);
  return result;
}

// The result of any other.
inline std::string next_step(const std::string& before) {
  std::string result = before;
  if (!result.empty()) ++result.back();
  return result;
}

// Of an item and its last result. Sums do not depend on the order in which the items are read.
inline std::uint64_t hash_of(std::uint64_t key, std::string_view result) noexcept {
  std::uint64_t hash = key;
  for (const char letter : result) hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001b3u;
  return scattered(hash);
}

// Each throws what its store throws, std::invalid_argument for a workload that it cannot do.
measurement measure_pawl(const workload& work);
measurement measure_memory(const workload& work);
measurement measure_journal_floor(const workload& work);
measurement measure_lmdb_floor(const workload& work);
measurement measure_lmdb_group(const workload& work);
measurement measure_sqlite(const workload& work);
measurement measure_sqlite_group(const workload& work);
measurement measure_rocksdb(const workload& work);
measurement measure_postgres(const workload& work);

}  // namespace bench
