// Tables as people see them: keys as they are, values as JSON by their stored schema.
#pragma once

#include "store/backend.hpp"

#include <pawl/inspect.hpp>

#include <optional>
#include <string_view>
#include <vector>

namespace pawl::core {

[[nodiscard]] std::vector<table_info> read_tables(backend& store);
// Throws pawl::error(not_found) where there is no table of this name.
[[nodiscard]] table_page read_table_page(backend& store, std::string_view table, const std::optional<any_key>& after,
                                         std::size_t limit);

}  // namespace pawl::core
