#include "maintain/existing_state.hpp"

#include "lmdb/state_directory.hpp"

#include <pawl/error.hpp>

namespace pawl::core {

std::filesystem::path existing_state(const std::filesystem::path& state) {
  auto path = settled_path(state);
  if (content_of(path) != directory_content::state)
    throw error(errc::not_a_state,
                "maintain: there is no state " + path.string() + "; check the path, or run the workflow that makes it");
  return path;
}

}  // namespace pawl::core
