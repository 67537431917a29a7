// What a worker holds of a group of transactional calls until its commit has returned.
#pragma once

#include "run/item.hpp"
#include "run/lane.hpp"
#include "store/backend.hpp"
#include "store/table_access.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace pawl::core {

struct transaction_group {
  explicit transaction_group(std::size_t large_threshold) : checkpoints(1, large_threshold) {}

  item_group items;                        // null: handed on
  std::optional<open_transaction> tables;  // what it has written is read by the group behind it
  lane checkpoints;
  std::vector<std::span<const std::byte>> records;  // of these
  lane_position position{};                         // behind them
  log_position recorded{};                          // in front of its calls
  bool any = false;                                 // calls that completed
};

}  // namespace pawl::core
