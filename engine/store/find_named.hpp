// The item that people mean by a key: children go by the text that they read like.
#pragma once

#include "store/backend.hpp"

#include <string_view>

namespace pawl::core {

// As snapshot::find; a text that no item has for its key is looked for among the children, too, where the workflow may
// be one of children: PARENT/CHILD (record/key.hpp).
[[nodiscard]] bool find_named(snapshot& view, const workflow_record& workflow, std::string_view typed_key,
                              stored_item& into, bool whole);

}  // namespace pawl::core
