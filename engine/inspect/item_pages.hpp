// Items page by page, in bounded memory and short snapshots, past damaged rows.
#pragma once

#include "inspect/item_reader.hpp"
#include "store/backend.hpp"

#include <pawl/inspect.hpp>

#include <memory>

namespace pawl::core {

// A page ends behind the entry with which it becomes as long as this.
inline constexpr std::size_t page_bytes_max = std::size_t{4} << 20;

// Throws pawl::error: not_found, bad_argument as state_view::items says; what the backend throws.
[[nodiscard]] item_page read_page(backend& store, const item_query& query, parsed_schemas& schemas);

}  // namespace pawl::core
