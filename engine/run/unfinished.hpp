// The source of a run that has none: what is unfinished of a workflow in the state.
#pragma once

#include "store/backend.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace pawl::core {

struct unfinished_item {
  item_id id = 0;
  std::string key;      // typed
  std::string problem;  // its row cannot be read, and why; then the key says which it is as far as is known
};

// Gives pending, in-progress and failed items in the order of ids, read ahead a page at a time in short snapshots. What
// has ended since it was made is behind the place that it has come to. Not thread-safe.
class unfinished_items {
public:
  // Everything recorded of the workflow must be settled, and nobody but the run may change its items.
  unfinished_items(backend& store, const workflow_record& workflow);

  // How many there are.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  // False: there is no more. Throws what the storage throws.
  [[nodiscard]] bool next(unfinished_item& into);

private:
  void read_page();
  void add(item_id id, std::string key, std::string problem);

  const workflow_id workflow_;
  const item_id end_;
  const std::unique_ptr<snapshot> view_;
  item_id from_ = 0;
  std::uint64_t size_ = 0;
  std::uint64_t unread_ = 0;
  bool only_failed_ = false;      // those are found by an index
  std::vector<unfinished_item> page_;
  std::size_t given_ = 0;         // of the page
  std::size_t page_bytes_ = 0;
};

}  // namespace pawl::core
