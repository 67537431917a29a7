// Reading everything in LMDB at one moment: each entry against its checksum, and
// the sub-databases against each other.
//
// Rows are the truth; index, lists, names of files and counters follow from them. All
// of it is one pass over the rows beside cursors that lie in the same order, and a
// look-up in the index for each: memory does not grow with the number of items.
// The pages must have been looked at before (check_pages.hpp).
#pragma once

#include "lmdb/blobs.hpp"
#include "lmdb/transaction.hpp"
#include "store/backend.hpp"

#include <pawl/maintain.hpp>

#include <cstdint>
#include <functional>

namespace pawl::core {

using tell_finding = std::function<void(verify_finding)>;

struct entry_counts {
  std::uint64_t items = 0;
  std::uint64_t values = 0;
  std::uint64_t files = 0;
  std::uint64_t table_entries = 0;
};

// Tells what is wrong; throws only what is no damage. `txn` stays where it is until it returns.
entry_counts check_entries(const read_transaction& txn, const blob_store& blobs, const tell_finding& tell,
                           const tell_maintain& progress);

// What an error says, without the layer and without its advice.
[[nodiscard]] std::string cause_of(const std::exception& failure);

}  // namespace pawl::core
