#include "store/find_named.hpp"

#include "record/key.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace pawl::core {

bool find_named(snapshot& view, const workflow_record& workflow, std::string_view typed_key, stored_item& into,
                bool whole) {
  if (view.find(workflow.id, typed_key, into, whole)) return true;
  if (!typed_key.starts_with(key_tag_text)) return false;
  // Workflows of children are named after their parent and its step: PARENT/STEP.
  constexpr std::size_t depth_at_most = 3;
  const auto slashes = static_cast<std::size_t>(std::count(workflow.name.begin(), workflow.name.end(), '/'));
  for (std::size_t depth = 1; depth <= std::min(slashes, depth_at_most); ++depth)
    for (const std::string& key : child_keys_named(typed_key.substr(1), depth))
      if (key.size() <= max_child_key_size && view.find(workflow.id, key, into, whole)) return true;
  return false;
}

}  // namespace pawl::core
