// A recorded chain in words, as far as a state knows it: options are not recorded.
#pragma once

#include "inspect/item_reader.hpp"
#include "store/backend.hpp"

#include <pawl/describe.hpp>

namespace pawl::core {

[[nodiscard]] description describe_recorded(const workflow_record& workflow, const chain_revision& chain,
                                            snapshot& view, parsed_schemas& schemas);

}  // namespace pawl::core
