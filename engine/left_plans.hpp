// What engine::plan left in a state directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace pawl::core {

// The file in a state directory in which the last plan of each workflow lies, one JSON object a line.
inline constexpr const char* plan_file = "plan.json";

// Its lines, a JSON object each; empty where there is no such file. The file is a stranger's: only a plain
// one of bounded size is read. Throws pawl::error (damaged, io).
[[nodiscard]] std::vector<std::string> read_left_plans(const std::filesystem::path& state);

}  // namespace pawl::core
