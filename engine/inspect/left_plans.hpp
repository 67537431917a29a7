// What engine::plan left in a state directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pawl::core {

// Its lines, a JSON object each; empty where there is no such file. The file is a stranger's: only a plain
// one of bounded size is read. Throws pawl::error (damaged, io).
[[nodiscard]] std::vector<std::string> read_left_plans(const std::filesystem::path& state);

}  // namespace pawl::core
