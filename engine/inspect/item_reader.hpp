// One stored item as people see it: steps by their names, values as JSON.
//
// Knows the seam to storage and stored schemas; knows no C++ type of a workflow
// and nothing of LMDB.
#pragma once

#include "store/backend.hpp"

#include <pawl/inspect.hpp>
#include <pawl/schema.hpp>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>

namespace pawl::core {

// Schemas that were read and parsed before. Any thread.
class parsed_schemas {
public:
  // Empty where the state has none of that hash. Throws pawl::error(damaged) where it has another thing.
  [[nodiscard]] std::optional<schema> find(std::uint64_t hash, snapshot& view);

private:
  std::mutex mutex_;
  std::map<std::uint64_t, schema> known_;  // bounded: cleared when it holds many
};

// Everything but the values. Views in `item` are copied.
[[nodiscard]] item_view show_item(const workflow_record& workflow, const stored_item& item);

// Adds the values. `item` must be the one that `into` was made of, fresh from `view`; its views are not
// used after the first call that the snapshot sees.
void show_values(const workflow_record& workflow, const stored_item& item, std::size_t value_size_max, snapshot& view,
                 parsed_schemas& schemas, item_view& into);

}  // namespace pawl::core
